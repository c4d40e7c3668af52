"""Which commit the code is at."""

import shutil
import subprocess
from pathlib import Path


def describe_commit(folder: Path) -> str:
    """Name the commit of the repository that a folder lies in, and whether files differ from it.

    Never fails: a submission is worth more than the name of its commit.
    """
    git = shutil.which("git")
    if git is None:
        return "unknown: there is no git"

    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                [git, *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=False
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return "unknown: not in a git repository"
    changes = ask("status", "--porcelain")
    if changes is None:
        return f"{commit}; whether files differ is unknown"
    return f"{commit}, with uncommitted changes" if changes else commit
