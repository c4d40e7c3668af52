"""The state of the code, as files that git takes back: all branches in a bundle, what is not committed as a patch."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from podium.atomic_files import PARTIAL_SUFFIX, write_whole
from podium.git_state import list_hidden

MAX_UNTRACKED_BYTES = 10 * 2**20
"""A larger file that git does not know is hardly code."""

KEEP_PATCHES = 5
TIMEOUT_S = 120


class GitError(Exception):
    """A command of git failed; the message is git's own."""


class Git:
    """Git in one repository."""

    def __init__(self, repository: Path):
        self._repository = repository
        self._program = shutil.which("git") or "git"

    def ask(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command and return what it says.

        Raises:
            GitError: There is no git, or it failed.
        """
        return self.ask_bytes(*arguments, environment=environment).decode(errors="replace").strip()

    def ask_bytes(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run a command and return what it says, as it is.

        Raises:
            GitError: There is no git, or it failed.
        """
        try:
            done = subprocess.run(
                [self._program, *arguments], cwd=self._repository, input=stdin,
                env={**os.environ, **(environment or {})}, capture_output=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(str(error)) from error
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
        return done.stdout

    def has(self, commit: str) -> bool:
        """Say whether the repository has a commit."""
        try:
            self.ask("cat-file", "-e", f"{commit}^{{commit}}")
        except GitError:
            return False
        return True


def save_git_state(repository: Path, folder: Path) -> None:
    """Write a bundle of all branches and tags, and a patch of what is not committed, where they are not there yet.

    The bundle is named after what the branches point to, the patch after the commit that it belongs to and its content.
    Those of before stay as long as the repository lacks a commit of theirs, as after a restore whose commits nobody has
    taken yet; of patches the newest few stay.

    Args:
        repository: A folder of a git repository. Nothing in it is changed, its index and its objects neither.
        folder: For both.

    Raises:
        GitError: It is no repository, has no commit, or git cannot work; nothing is written then.
        OSError: The folder cannot be written.
    """
    git = Git(repository)
    head = git.ask("rev-parse", "--verify", "HEAD")
    refs = git.ask("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    bundle = folder / f"{hashlib.sha256(f'{head} {refs}'.encode()).hexdigest()[:12]}.bundle"
    if not bundle.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder.absolute() / f".{bundle.name}{PARTIAL_SUFFIX}"
        git.ask("bundle", "create", "--quiet", str(unfinished), "--branches", "--tags", "HEAD")
        unfinished.replace(bundle)
    for older in sorted(set(folder.glob("*.bundle")) - {bundle}):
        if all(git.has(commit) for commit in list_heads(git, older).values()):
            older.unlink()
    _save_patch(git, folder, head)


def list_heads(git: Git, bundle: Path) -> dict[str, str]:
    """Return the commits that a bundle's names point to, ``refs/heads/main`` and the like."""
    lines = git.ask("bundle", "list-heads", str(bundle.absolute())).splitlines()
    return {name: commit for commit, name in (line.split(" ", 1) for line in lines)}


def describe_taking(repository: Path, folder: Path) -> list[str]:
    """Say what to type to bring the code of a restored backup into a repository; nothing when it has all of it."""
    git, lines = Git(repository), []
    for bundle in sorted(folder.glob("*.bundle"), key=lambda path: path.stat().st_mtime_ns):
        try:
            heads = list_heads(git, bundle)
        except GitError:
            continue
        missing = [name for name, commit in heads.items() if not git.has(commit)]
        at_head = [name for name in heads if name != "HEAD" and heads[name] == heads.get("HEAD")]
        branches = [name.removeprefix("refs/heads/") for name in at_head] or ["HEAD"]
        if missing:
            lines.append(f"commits that are not here: git pull {bundle} {branches[0]}")
    patches = sorted(folder.glob("*.patch"), key=lambda path: path.stat().st_mtime_ns)
    if patches:
        lines.append(f"changes that were not committed: git apply {patches[-1]}")
    return lines


def _save_patch(git: Git, folder: Path, head: str) -> None:
    """Write what differs from the last commit, with files that git does not know; ignored ones and secrets stay out."""
    root = git.ask("rev-parse", "--show-toplevel")
    index, objects = (
        str(Path(root, git.ask("rev-parse", "--path-format=absolute", "--git-path", name)))
        for name in ("index", "objects")
    )
    unknown = ["ls-files", "-z", "--others", "--exclude-standard", "--", ":/", *list_hidden()]
    listed = git.ask_bytes("-C", root, *unknown).split(b"\0")
    small = [name for name in listed if name and _is_small_file(os.path.join(os.fsencode(root), name))]
    with tempfile.TemporaryDirectory() as scratch:
        # An index and a place for objects of its own: the repository stays as it is.
        own = {
            "GIT_INDEX_FILE": f"{scratch}/index",
            "GIT_OBJECT_DIRECTORY": f"{scratch}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
        }
        Path(own["GIT_OBJECT_DIRECTORY"]).mkdir()
        if Path(index).exists():
            shutil.copy(index, own["GIT_INDEX_FILE"])
        git.ask("-C", root, "add", "--update", environment=own)
        git.ask_bytes("-C", root, "update-index", "--add", "-z", "--stdin", stdin=b"\0".join(small), environment=own)
        patch = git.ask_bytes(
            "-C", root, "diff", "--cached", "--binary", "--no-ext-diff", "--no-color", head, environment=own
        )
    if patch:
        path = folder / f"{head[:12]}-{hashlib.sha256(patch).hexdigest()[:6]}.patch"
        if not path.exists():
            write_whole(path, patch)
    for older in sorted(folder.glob("*.patch"), key=lambda path: path.stat().st_mtime_ns)[:-KEEP_PATCHES]:
        older.unlink()


def _is_small_file(path: bytes) -> bool:
    try:
        return os.path.isfile(path) and os.path.getsize(path) <= MAX_UNTRACKED_BYTES
    except OSError:
        return False
