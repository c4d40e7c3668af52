"""A run in a copied process cannot be told from one in a new process."""

import sys
from collections.abc import Callable

import pytest

from conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="copies are safe on Linux alone")]


def test_copied_process_reads_says_and_ends_as_a_new_one_does(make_project: Callable[[str], Project]) -> None:
    project = make_project("프로젝트")
    with (project.folder / "src" / "podium" / "__init__.py").open("a", encoding="utf-8") as source:
        source.write("import os, sys\nprint(__file__, os.getcwd(), *sys.argv, os.environ.get('MARK'))\n")
    wrong = ("--params", "splitting.nfolds=3")
    copied = project.run(*wrong, check=False, MARK="가")
    new = project.run(*wrong, check=False, MARK="가", PYTHONUTF8="1")
    assert f"{project.folder}/src/podium/__init__.py {project.folder} " in new.stdout and "가" in new.stdout
    assert "did you mean 'n_folds'?" in new.stderr
    assert (copied.returncode, copied.stdout, copied.stderr) == (new.returncode, new.stdout, new.stderr)
