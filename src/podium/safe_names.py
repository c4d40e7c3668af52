"""Names of files and folders from any text: what a file system refuses is replaced, and no two names become one."""

import os
import re
import unicodedata
from collections.abc import Sequence
from itertools import takewhile

MAX_BYTES = 180
"""Of a name in UTF-8; file systems take 255, encrypted ones 143 characters, and a number may still be added."""

MAX_SUFFIX_BYTES = 12
"""What follows the last dot is kept when a long name is cut, unless it is longer than any suffix of a file."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WIDE = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in '<>:"/\\|?*'})  # the same letters, full-width
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def make_safe_name(text: str) -> str:
    """Turn any text into one name that Linux, macOS and Windows take.

    Unicode NFC. What Windows refuses, ``< > : " / \\ | ? *``, becomes full-width: ``age ＜30`` still says what it said.
    Control characters become ``_``, and so do a first dot, which would hide the file, and dots and blanks at the end,
    which Windows drops. Names of Windows' devices, such as ``CON``, get a ``_`` in front. Long names are cut in the
    middle of no letter and keep their suffix.
    """
    name = _CONTROL.sub("_", unicodedata.normalize("NFC", text)).translate(_WIDE)
    name = re.sub(r"^\.|[. ]+$", "_", name) or "_"
    name = f"_{name}" if _DEVICES.fullmatch(name) else name
    return _shorten(name, MAX_BYTES)


def make_safe_names(texts: Sequence[str]) -> list[str]:
    """Turn texts into names that can stand in one folder, in the same order.

    All are different, also to a file system that takes ``Dog`` and ``dog`` for one. A text that can be a name as it is
    keeps it; of the others, later ones are numbered: ``a_``, ``a_ (2)``.

    Args:
        texts: Any; equal ones are two files, too.
    """
    wanted = [make_safe_name(text) for text in texts]
    given = [""] * len(texts)
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    is_changed = [name != unicodedata.normalize("NFC", text) for name, text in zip(wanted, texts, strict=True)]
    for place in sorted(range(len(texts)), key=is_changed.__getitem__):
        name = wanted[place]
        while _fold(name) in taken:
            numbers[wanted[place]] = numbers.get(wanted[place], 1) + 1
            stem, suffix = os.path.splitext(wanted[place])
            name = f"{stem} ({numbers[wanted[place]]}){suffix}"
        taken.add(_fold(name))
        given[place] = name
    return given


def flatten_paths(paths: Sequence[str]) -> list[str]:
    """Turn paths into names for one folder: folders that all share are dropped, the others joined with ``__``.

    ``train/1_male/mask1.jpg`` and ``train/2_female/mask1.jpg`` become ``1_male__mask1.jpg`` and
    ``2_female__mask1.jpg``. Names may come out equal, or be refused; :func:`make_safe_names` mends both.

    Args:
        paths: With ``/`` between their parts, as image ids have it.
    """
    parts = [path.split("/") for path in paths]
    levels = zip(*(part[:-1] for part in parts), strict=False)
    n_shared = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
    return ["__".join(part[n_shared:]) for part in parts]


def _fold(name: str) -> str:
    """Return what is the same for names that a file system may take for one."""
    return unicodedata.normalize("NFC", name.casefold())


def _shorten(name: str, max_bytes: int) -> str:
    stem, suffix = os.path.splitext(name)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = name, ""
    room = max_bytes - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" ") + suffix
