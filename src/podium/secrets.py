"""Passwords and keys stay out of logs, errors and reports."""

import os
import re
from collections.abc import Mapping

HIDDEN = "***"

MIN_HIDDEN_LENGTH = 6
"""Shorter values of variables are not looked for in texts: they would be found in ordinary words."""

_SECRET_WORDS = r"password|passwd|pwd|secret|token|access_?key(?!_?id)|account_?key|api_?key|signature|credential"
_SECRET_NAME = re.compile(rf"(?:{_SECRET_WORDS})", re.IGNORECASE)
_USER_AND_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/\s:@]*):\S*@", re.IGNORECASE)
_TOKEN_AS_USER = re.compile(r"(?P<scheme>https?://)[^/\s]+@", re.IGNORECASE)
_NAMED_SECRET = re.compile(rf"(?P<name>[\w-]*(?:{_SECRET_WORDS})[\w-]*=)[^\s&;,'\"]+", re.IGNORECASE)


def hide_password(url: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a URL, or any text with URLs in it, with ``***`` for whatever nobody else should read.

    Hidden are the password of ``scheme://user:password@host``, whatever letters it has; a token in the place of the
    user of an ``http(s)`` URL; values of ``name=value`` where the name says that it is secret, as in a query or a
    connection string; and the values of environment variables with such names, wherever they stand. Where it is
    unclear where a password ends, too much is hidden rather than too little.

    Args:
        url: An address, a connection string, a message.
        environment: Names and values; those of this process when None.
    """
    text = _USER_AND_PASSWORD.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", url)
    text = _TOKEN_AS_USER.sub(_hide_token, text)
    text = _NAMED_SECRET.sub(rf"\g<name>{HIDDEN}", text)
    for secret in _list_secrets(os.environ if environment is None else environment):
        text = text.replace(secret, HIDDEN)
    return text


def has_password(url: str) -> bool:
    """Say whether a URL carries a password or a token of its own."""
    return hide_password(url, {}) != url


def _hide_token(found: re.Match[str]) -> str:
    """Leave what names a user and hides a password already; hide all else that stands before the host."""
    return found[0] if found[0].endswith(f":{HIDDEN}@") else f"{found['scheme']}{HIDDEN}@"


def _list_secrets(environment: Mapping[str, str]) -> list[str]:
    """List values of variables whose names say that they are secret; longer ones first, as one may hold another."""
    values = {
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= MIN_HIDDEN_LENGTH and not value.startswith("/")  # a file's path
    }
    return sorted(values, key=lambda value: (-len(value), value))
