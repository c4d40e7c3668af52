"""Whether a secret stands anywhere in what was written: spelt otherwise, within archives, in databases and buckets."""

import base64
import gzip
import io
import json
import os
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

Written = tuple[str, bytes]
"""Where something stands, and what."""

BUNDLE = b" git bundle\n"
SHORTEST = 6
"""Bytes of a needle; shorter ones stand anywhere by chance."""


def spell(secret: str) -> set[bytes]:
    """Spell a secret as it may stand: plain, in a URL, in JSON, and in base64 at any place of a longer text."""
    plain = secret.encode()
    words = {plain, quote(secret, safe="").encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode()}
    for before in range(3):  # three bytes make four letters, so what stands before shifts all that follows
        encoded = base64.b64encode(bytes(before) + plain)
        whole = encoded[-(-8 * before // 6) : len(encoded) // 4 * 4 - 4]  # without letters that neighbours share
        words |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return {word for word in words if len(word) >= SHORTEST}


def find_secrets(written: Iterable[Written], secrets: Mapping[str, str]) -> list[str]:
    """List what stands where: ``<name of the secret> in <place>``, also where it stands in the place's name."""
    words = {name: spell(secret) for name, secret in secrets.items()}
    found = {
        f"{name} in {place}"
        for place, data in unfold(written)
        for name, spellings in words.items()
        if any(word in data or word in place.encode() for word in spellings)
    }
    return sorted(found)


def unfold(written: Iterable[Written]) -> Iterator[Written]:
    """Yield everything as it is, and what is packed in it."""
    for place, data in written:
        yield place, data
        if data[:2] == b"\x1f\x8b":
            yield from unfold([(f"{place} (gzip)", gzip.decompress(data))])
        elif data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from unfold([(f"{place} ({name})", archive.read(name)) for name in archive.namelist()])
        elif data[:4] == b"PAR1":
            yield f"{place} (table)", read_table(data)
        elif BUNDLE in data[:32]:
            yield f"{place} (bundle)", read_bundle(data)


def read_table(data: bytes) -> bytes:
    """Read the cells of a Parquet file, and what else it carries, as text."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(data))
    return json.dumps([str(table.schema.metadata), table.to_pylist()], default=str, ensure_ascii=False).encode()


def read_bundle(data: bytes) -> bytes:
    """Read every object of a git bundle: files, folders, commits and their messages."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, clone = Path(folder) / "bundle", Path(folder) / "clone"
        bundle.write_bytes(data)
        subprocess.run(["git", "clone", "--quiet", "--mirror", bundle, clone], check=True, capture_output=True)
        command = ["git", "cat-file", "--batch-all-objects", "--batch"]
        return subprocess.run(command, cwd=clone, check=True, capture_output=True).stdout


def read_folder(folder: Path, leave_out: Callable[[Path], bool] = lambda path: False) -> Iterator[Written]:
    """Read all files below a folder, hidden ones too."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not leave_out(path):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def read_bucket(client: Any, bucket: str) -> Iterator[Written]:
    """Read all objects of a bucket."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            yield entry["Key"], client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()


def read_database(conninfo: str) -> Iterator[Written]:
    """Read all rows of all tables of a PostgreSQL database as text."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    with psycopg.connect(conninfo) as connection:
        for (table,) in connection.execute(query).fetchall():
            rows = connection.execute(SQL("SELECT * FROM {}").format(Identifier(table))).fetchall()
            yield f"table {table}", "\n".join(str(value) for row in rows for value in row).encode()


@contextmanager
def watch_command_lines(pause_s: float = 0.05) -> Iterator[list[Written]]:
    """Note the command line of every process of this machine meanwhile, as everybody on it may read them."""
    found: dict[bytes, None] = {}
    lines: list[Written] = []
    ends = threading.Event()

    def watch() -> None:
        while not ends.wait(pause_s):
            for pid in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    found[Path("/proc", pid, "cmdline").read_bytes()] = None
                except OSError:  # it is gone
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lines
    finally:
        ends.set()
        watcher.join()
        lines += [(line.replace(b"\0", b" ").decode(errors="replace"), line) for line in found]
