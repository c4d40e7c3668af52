"""A process of our own runs the code of whoever started it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import podium
from podium.child_processes import make_environment


def test_child_imports_the_package_of_its_parent_before_any_other_and_hears_what_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "podium").mkdir()
    (tmp_path / "podium/__init__.py").touch()
    (tmp_path / "다른.py").write_text("x = 7", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ask = "import json, os, podium, 다른; print(json.dumps([podium.__file__, 다른.x, os.environ['말']]))"
    environment = make_environment(말="값")
    done = subprocess.run([sys.executable, "-c", ask], env=environment, cwd="/", capture_output=True, check=True)
    package, *heard = json.loads(done.stdout)
    assert Path(package).samefile(str(podium.__file__))
    assert heard == [7, "값"]
