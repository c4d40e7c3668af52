"""Taking things away so that a kill in the middle does no harm.

A folder first gets a name that nothing looks for, and is emptied then: no half of it is ever taken for the whole. What
a kill leaves under that name, ``.<name>.pruned``, is listed as a leftover the next time.
"""

import os
import shutil
import uuid
from collections.abc import Set
from pathlib import Path

from podium.disk.superseded import PRUNED_SUFFIX, Superseded


def remove(item: Superseded, contents: Set[str]) -> None:
    """Remove what is superseded; what is gone already is no error.

    Args:
        item: Of a list that was made just before.
        contents: SHA-256 of the images of which rows stay.

    Raises:
        InputError: A store or survey cannot be written anew without the rows, as there is no room for that.
        OSError: The path cannot be removed.
    """
    match item.rule:
        case "image_store_rows":
            from podium.vision.store_writer import drop_rows

            drop_rows(item.path, contents)
        case "survey_rows":
            from podium.survey.shelf import drop_contents

            drop_contents(item.path, contents)
        case "versions":
            remove_version(item.path)
        case _:
            remove_path(item.path)


def remove_version(folder: Path) -> None:
    """Remove one version: its file first, since a folder without it is no version to Kedro."""
    (folder / folder.parent.name).unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()


def remove_path(path: Path) -> None:
    """Remove a file, or a folder with all below it; a link goes, and what it leads to stays."""
    if path.is_dir() and not path.is_symlink():
        doomed = path
        if not path.name.endswith(PRUNED_SUFFIX):
            doomed = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PRUNED_SUFFIX}")
            os.replace(path, doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink(missing_ok=True)
