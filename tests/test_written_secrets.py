"""The search for secrets finds what is planted, wherever and however it stands."""

import base64
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from written_secrets import find_secrets, read_folder, watch_command_lines

SECRET = "S3cret+Key/With=Signs 비밀"


def gzip_it(text: str) -> bytes:
    return gzip.compress(text.encode())


def zip_it(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", text)
    return packed.getvalue()


def tabulate_it(text: str) -> bytes:
    return pd.DataFrame({"note": ["nothing", text]}).to_parquet(compression="zstd")


def bundle_it(text: str) -> bytes:
    """Commit the text, and take it out again: history still has it."""
    import tempfile

    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "settings.txt")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        for content in (text, "nothing"):
            file.write_text(content, encoding="utf-8")
            subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
            subprocess.run(["git", *identity, "commit", "-qm", "change"], cwd=folder, check=True)
        subprocess.run(["git", "bundle", "create", "-q", "all.bundle", "--all"], cwd=folder, check=True)
        return Path(folder, "all.bundle").read_bytes()


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{user}:{SECRET}, and more".encode()).decode() for user in ("kim", "minj", "minji")),
        base64.urlsafe_b64encode(f"u:{SECRET}".encode()).decode(),
    ],
)
@pytest.mark.parametrize("pack", [str.encode, gzip_it, zip_it, tabulate_it])
def test_planted_secret_is_found_in_every_spelling_and_packing(spelling: str, pack: Callable[[str], bytes]) -> None:
    written = [("plain.txt", b"nothing"), ("planted", pack(f"before {spelling} after"))]
    (found,) = {line.partition(" (")[0] for line in find_secrets(written, {"key": SECRET})}
    assert found == "key in planted"
    assert find_secrets([("planted", pack("nothing"))], {"key": SECRET}) == []


def test_secret_of_an_earlier_commit_is_found_in_a_bundle() -> None:
    assert find_secrets([("a", bundle_it(SECRET))], {"key": SECRET}) == ["key in a (bundle)"]


def test_secret_in_a_name_is_found_and_what_is_left_out_is_not_read(tmp_path: Path) -> None:
    (tmp_path / f"log-{quote(SECRET, safe='')}").touch()
    (tmp_path / "credentials.yml").write_text(SECRET, encoding="utf-8")
    written = read_folder(tmp_path, lambda path: path.name == "credentials.yml")
    assert len(find_secrets(written, {"key": SECRET})) == 1
    assert len(find_secrets(read_folder(tmp_path), {"key": SECRET})) == 2


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="Linux tells there what was typed")
def test_command_line_of_another_process_is_seen() -> None:
    with watch_command_lines() as lines:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)", SECRET], check=True)
    assert find_secrets(lines, {"key": SECRET})
