"""Stamps change with files, reading hashes all bytes, and what cannot be read says why."""

import hashlib
import os
from pathlib import Path

import pytest

from podium.vision.source_files import SourceFile, read_file, stamp_file


def test_read_file_has_the_stamp_the_hash_and_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "사진.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    read = read_file(path)
    assert isinstance(read, SourceFile)
    assert read.data == path.read_bytes()
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.stamp == stamp_file(path)
    status = path.stat()
    assert read.stamp == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def test_stamp_changes_with_the_bytes_even_when_size_and_time_are_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    status, before = path.stat(), stamp_file(path)
    assert stamp_file(path) == before
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = stamp_file(path)
    assert after[:2] == before[:2]
    assert after != before


@pytest.mark.parametrize("look", [stamp_file, read_file])
def test_what_cannot_be_read_says_why(tmp_path: Path, look: object) -> None:
    (tmp_path / "folder").mkdir()
    assert callable(look)
    assert look(tmp_path / "missing") == "missing: there is no such file"
    assert str(look(tmp_path / "folder")).startswith("cannot be read: ")
    assert str(look(tmp_path / "nul\0")).startswith("cannot be read: ")


def test_device_is_not_opened_by_its_stamp(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stamp_file(tmp_path / "pipe") == "cannot be read: is a folder or device, not a file"


def test_forbidden_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a"
    path.write_bytes(b"1")
    monkeypatch.setattr("builtins.open", refuse)
    read = read_file(path)
    monkeypatch.undo()
    assert read == "cannot be read: Permission denied"
