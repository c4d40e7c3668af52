"""Whether a store can be used at all, found out before anything runs."""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podium.backup.config import BackupConfig
from podium.errors import suggest
from podium.secrets import has_password, hide_password

PACKAGES = {"file": "fsspec", "s3": "s3fs", "sftp": "paramiko", "gs": "gcsfs", "abfs": "adlfs"}
"""What each protocol needs; others are left to fsspec."""

ALIASES = {"local": "file", "s3a": "s3", "ssh": "sftp", "gcs": "gs"}


def list_access_errors(config: BackupConfig, credentials: Mapping[str, Any]) -> list[str]:
    """Name everything that keeps a backup from being made or brought back, without asking the store.

    Args:
        config: Its parameters.
        credentials: All of credentials.yml, by name.
    """
    if config.url is None:
        return []
    cases = []
    if sys.platform == "win32":
        cases.append(
            "backup.url: Windows cannot replace a file that is being read; run Podium in WSL, or set it to null"
        )
    if has_password(config.url):
        cases.append(
            f"backup.url: {hide_password(config.url)} carries a password; write the URL without it, and the "
            "password into credentials.yml, named by backup.credentials"
        )
    if config.credentials is not None and not isinstance(credentials.get(config.credentials), Mapping):
        cases.append(
            f"backup.credentials: there is no group '{config.credentials}' in credentials.yml; "
            + (suggest(config.credentials, credentials) if credentials else "there are no credentials at all")
        )
    return cases + _list_url_errors(config)


def choose_options(config: BackupConfig, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of fsspec's file system that the credentials hold."""
    return {} if config.credentials is None else dict(credentials[config.credentials])


def _list_url_errors(config: BackupConfig) -> list[str]:
    assert config.url is not None
    protocol, found, rest = config.url.partition("://")
    if not found:
        protocol, rest = "file", config.url
    protocol = ALIASES.get(protocol, protocol)
    shown = hide_password(config.url)
    if not rest.strip("/"):
        return [f"backup.url: {shown} names no folder; write s3://bucket/folder, sftp://user@host/folder or a path"]
    if protocol not in PACKAGES:
        return [f"backup.url: {shown} has a protocol that is not known; {suggest(protocol, PACKAGES)}"]
    if importlib.util.find_spec(PACKAGES[protocol]) is None:
        return [
            f"backup.url: {protocol}:// needs the package {PACKAGES[protocol]}; pip install 'podium[server]' brings it"
        ]
    if protocol == "file":
        folder = Path(rest if found else config.url)
        data = config.data_dir.resolve()
        if not folder.is_absolute():
            return [f"backup.url: {shown} is no absolute path"]
        if folder.resolve() == data or data in folder.resolve().parents:
            return [f"backup.url: {shown} lies in {data}, which is what is to be backed up; name another disk"]
    return []
