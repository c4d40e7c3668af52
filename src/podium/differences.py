"""What a run sets differently from what the team agreed on: its parameters against those of ``conf/base``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podium.secrets import hide_password


@dataclass(frozen=True)
class Difference:
    """A leaf that is set differently.

    Attributes:
        leaf: Its dotted name.
        value, instead_of: As text; ``nothing`` where there is none.
    """

    leaf: str
    value: str
    instead_of: str

    def __str__(self) -> str:
        return f"{self.leaf}: {self.value} instead of {self.instead_of}"


def list_differences(values: Mapping[str, Any], base: Mapping[str, Any]) -> list[Difference]:
    """List the leaves in which two trees of plain values differ, in the order of ``base``; passwords are hidden."""
    ours, theirs = dict(walk_leaves(values)), dict(walk_leaves(base))
    ordered = dict.fromkeys([*theirs, *ours])
    return [
        Difference(leaf, _write(leaf, ours), _write(leaf, theirs))
        for leaf in ordered
        if leaf not in ours or leaf not in theirs or ours[leaf] != theirs[leaf]
    ]


def walk_leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its dotted name; an empty mapping is a leaf."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from walk_leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _write(leaf: str, leaves: Mapping[str, Any]) -> str:
    if leaf not in leaves:
        return "nothing"
    value = leaves[leaf]
    return hide_password(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
