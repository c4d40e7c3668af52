"""Which commit the code is at, and what differs from it."""

import shutil
import subprocess
from pathlib import Path

from podium.secrets import hide_password

NEVER_SHOWN = ("*credentials*", ".env", ".env.*", "*.pem", "*.key")
"""Files whose changes are never told, even where somebody let git have them."""

MAX_DIFF_CHARACTERS = 1_000_000


def describe_commit(folder: Path) -> str:
    """Name the commit of the repository that a folder lies in, and whether files differ from it.

    Never fails: a submission is worth more than the name of its commit.
    """
    if shutil.which("git") is None:
        return "unknown: there is no git"
    commit = find_commit(folder)
    if commit is None:
        return "unknown: not in a git repository"
    changes = _ask_git(folder, "status", "--porcelain")
    if changes is None:
        return f"{commit}; whether files differ is unknown"
    return f"{commit}, with uncommitted changes" if changes.strip() else commit


def find_commit(folder: Path) -> str | None:
    """Return the commit that a folder's repository is at; None where there is none, or no git."""
    commit = _ask_git(folder, "rev-parse", "HEAD")
    return None if commit is None else commit.strip()


def read_diff(folder: Path) -> str:
    """Read what differs from the commit, as a patch; new files that git does not know yet are named at its end.

    What git ignores is not there, nor files that may hold credentials; passwords in addresses, and values of secret
    variables, are hidden.

    Returns:
        At most a million characters; empty where nothing differs, or there is no repository.
    """
    hidden = list_hidden()
    patch = _ask_git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff", "--", ":/", *hidden)
    new_files = _ask_git(
        folder, "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard", "--full-name", "--", ":/",
        *hidden,
    )  # fmt: skip
    if patch is None or new_files is None:
        return ""
    named = "".join(f"# new, not in git: {name}\n" for name in new_files.splitlines())
    text = hide_password(patch) + named
    if len(text) <= MAX_DIFF_CHARACTERS:
        return text
    return f"{text[:MAX_DIFF_CHARACTERS]}\n# cut here, after {MAX_DIFF_CHARACTERS} of {len(text)} characters\n"


def list_hidden() -> list[str]:
    """Write :data:`NEVER_SHOWN` as git takes what to leave out: pathspecs for the whole repository."""
    return [f":(top,exclude,glob)**/{pattern}" for pattern in NEVER_SHOWN]


def _ask_git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, *arguments], cwd=folder, capture_output=True, encoding="utf-8", errors="replace", timeout=20,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
