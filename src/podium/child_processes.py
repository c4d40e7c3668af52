"""What a process of our own needs of the one that starts it."""

import os
from pathlib import Path

import podium


def make_environment(**more: str) -> dict[str, str]:
    """Return variables with which a Python process imports the very package that this one runs.

    Args:
        more: Variables that it gets besides those of this process.
    """
    source = str(Path(podium.__file__).parents[1])
    others = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {**os.environ, **more, "PYTHONPATH": os.pathsep.join([source, *others]), "PYTHONUTF8": "1"}
