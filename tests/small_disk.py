"""A disk of a few megabytes, to be filled to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A file system in memory, of a size that can be changed while files lie on it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def mount(self, kilobytes: int) -> Path:
        """Put it there, and return its folder."""
        self._call("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")
        return self.folder

    def resize(self, kilobytes: int) -> None:
        """Make it larger or smaller."""
        self._call("mount", "-o", f"remount,size={kilobytes}k")

    def fill(self, leaving: int = 0) -> Path:
        """Fill it with one file, up to so many bytes; return the file."""
        ballast = self.folder / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(file.tell() - leaving, 0))
        return ballast

    def unmount(self) -> None:
        """Take it away, with all that lies on it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def _call(self, *command: str) -> None:
        done = subprocess.run([*command, str(self.folder)], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that the test mounts itself; only root may, so others skip."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    folder = tmp_path / "작은 디스크"
    folder.mkdir()
    disk = SmallDisk(folder)
    yield disk
    disk.unmount()
