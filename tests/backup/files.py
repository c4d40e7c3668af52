"""Files of a workspace, written and read by tests."""

from pathlib import Path

from podium.backup.manifest import Manifest
from podium.backup.mirror import read_manifests
from podium.backup.store import Store


def write(path: Path, text: str) -> Path:
    """Write a file as everything here does: under another name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.partial")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def read_all(folder: Path) -> dict[str, str]:
    """Read every text below a folder that is not hidden, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def read_newest(store: Store) -> Manifest:
    """Read what the newest backup holds; an empty one where there is none yet."""
    manifests = read_manifests(store)
    return manifests[max(manifests)] if manifests else Manifest({}, "", False)
