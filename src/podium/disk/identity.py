"""Whose checkpoints these are: a member's name alone does not tell whether it can still be trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podium.atomic_files import write_whole

IDENTITY_NAME = "identity.json"
KEYS = ("recipe", "recipe_digest", "split_digest", "content_digest")


def note_identity(checkpoint_dir: Path, member: Mapping[str, Any], preparation: str) -> None:
    """Write beside the checkpoints of a fold which recipe, split and images they belong to, and which store they read.

    Args:
        checkpoint_dir: Made when missing.
        member: Has :data:`KEYS`.
        preparation: Of the pictures; see :attr:`~podium.vision.input_spec.InputSpec.preparation`.
    """
    checkpoint_dir.mkdir(parents=True, exist_ok=True)
    noted = {**{key: member[key] for key in KEYS}, "preparation": preparation}
    write_whole(checkpoint_dir / IDENTITY_NAME, json.dumps(noted, ensure_ascii=False).encode())


def read_identity(checkpoint_dir: Path) -> dict[str, Any] | None:
    """Read what was noted; None where nothing was, or it cannot be read."""
    try:
        noted = json.loads((checkpoint_dir / IDENTITY_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) else None
