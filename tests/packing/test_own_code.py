"""Needed modules are found by reading, also where a function imports them."""

from pathlib import Path

import pytest

from podium.packing import own_code


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "__init__.py": "import os",
        "start.py": "from podium.part import inner\nfrom podium.part.names import ONE\nimport numpy",
        "part/__init__.py": "",
        "part/inner.py": "def f():\n    from podium.late import g\n    import podium.other as other",
        "part/names.py": "ONE = 1",
        "part/unused.py": "",
        "late.py": "import podium.start",
        "other.py": "",
        "unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / "podium" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "podium" / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(own_code, "ROOT", tmp_path / "podium")
    return tmp_path


def test_what_is_imported_anywhere_is_listed_with_the_packages_around_it_and_nothing_else(project: Path) -> None:
    listed = [file.relative_to(project / "podium").as_posix() for file in own_code.list_files("podium.start")]
    assert listed == [
        "__init__.py", "late.py", "other.py", "part/__init__.py", "part/inner.py", "part/names.py", "start.py",
    ]  # fmt: skip


def test_code_is_copied_as_a_package(project: Path, tmp_path: Path) -> None:
    copied = own_code.copy_code("podium.part.names", tmp_path / "copy")
    assert copied == tmp_path / "copy" / "podium"
    assert sorted(file.relative_to(copied).as_posix() for file in copied.rglob("*.py")) == [
        "__init__.py", "part/__init__.py", "part/names.py",
    ]  # fmt: skip
    assert (copied / "part/names.py").read_text(encoding="utf-8") == "ONE = 1"
