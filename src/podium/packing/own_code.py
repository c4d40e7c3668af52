"""Which modules of Podium a packed model needs: a model of all of them would be hundreds of files to move about."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "podium"


def copy_code(entry: str, folder: Path) -> Path:
    """Copy a module of Podium with all modules of Podium that it imports, on the way or when called.

    Args:
        entry: Dotted name.
        folder: Gets a folder ``podium``.

    Returns:
        That folder.
    """
    for file in list_files(entry):
        copy = folder / PACKAGE / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return folder / PACKAGE


def list_files(entry: str) -> list[Path]:
    """List the files of a module, of what it imports and of the packages around them, sorted."""
    found: dict[str, Path] = {}
    ahead = [entry]
    while ahead:
        name = ahead.pop()
        file = None if name in found else _find_file(name)
        if file is None:
            continue
        found[name] = file
        ahead += [name.rpartition(".")[0], *_list_imported(file)]
    return sorted(set(found.values()))


def _find_file(name: str) -> Path | None:
    """Return the file of one of Podium's modules; None for a name within a module, and for other packages."""
    parent, _, last = name.rpartition(".")
    if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
        return None
    folder = ROOT.joinpath(*parent.split(".")[1:]) if parent else ROOT.parent
    for file in (folder / last / "__init__.py", folder / f"{last}.py"):
        if file.is_file():
            return file
    return None


def _list_imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
