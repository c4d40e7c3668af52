"""What the set-up believes about an environment."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import environment

AddPackage = Callable[[Path, str], Path]


def test_complete_packages_are_kept(venv: Path, add_package: AddPackage) -> None:
    record = add_package(venv, "숫자-2.0")
    assert environment.forget_torn_packages(venv) == []
    assert record.is_dir()


def test_missing_compiled_file_is_no_damage(venv: Path, add_package: AddPackage) -> None:
    record = add_package(venv, "numbers-2.0")
    assert "__pycache__" in (record / "RECORD").read_text()
    assert not (record.parent / "__pycache__").exists()
    assert not environment.is_torn(record)


def lose_record(record: Path) -> None:
    (record / "RECORD").unlink()


def empty_record(record: Path) -> None:
    (record / "RECORD").write_text("")


def garble_record(record: Path) -> None:
    (record / "RECORD").write_bytes(b"\xff\xfe\x00")


def lose_file(record: Path) -> None:
    (record.parent / "numbers.py").unlink()


def cut_file(record: Path) -> None:
    (record.parent / "numbers.py").write_text("answer")


@pytest.mark.parametrize("damage", [lose_record, empty_record, garble_record, lose_file, cut_file])
def test_torn_package_is_forgotten_and_no_other(
    venv: Path, add_package: AddPackage, damage: Callable[[Path], None]
) -> None:
    sound = add_package(venv, "letters-1.0")
    torn = add_package(venv, "numbers-2.0")
    damage(torn)
    assert environment.forget_torn_packages(venv) == [torn.name]
    assert sound.is_dir()
    assert not torn.exists()


def test_what_an_interrupted_upgrade_set_aside_is_removed(venv: Path) -> None:
    aside = environment.find_site_packages(venv) / "~umbers"
    aside.mkdir()
    assert environment.forget_torn_packages(venv) == ["~umbers"]
    assert not aside.exists()


def test_fresh_environment_is_sound(venv: Path) -> None:
    assert environment.is_sound(venv)


def test_environment_without_interpreter_is_not_sound(venv: Path) -> None:
    shutil.rmtree(venv / "bin")
    assert not environment.is_sound(venv)


def test_environment_whose_interpreter_was_uninstalled_is_not_sound(venv: Path) -> None:
    python = environment.find_python(venv)
    python.unlink()
    python.symlink_to("python-that-is-gone")
    assert not environment.is_sound(venv)


def test_environment_that_would_install_into_the_system_is_not_sound(venv: Path) -> None:
    (venv / "pyvenv.cfg").unlink()
    assert environment.can_run(venv, "import sys; sys.exit(sys.prefix != sys.base_prefix)"), "it is the system's now"
    assert not environment.is_sound(venv)


def test_environment_without_pip_is_not_sound(venv: Path) -> None:
    shutil.rmtree(environment.find_site_packages(venv) / "pip-1.0.dist-info")
    assert not environment.is_sound(venv)


def test_environment_of_another_python_is_not_sound(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.sys, "version", "3.99.0 (another build)")
    assert not environment.is_sound(venv)


def test_stamp_holds_until_something_changes(venv: Path, add_package: AddPackage) -> None:
    numbers = add_package(venv, "numbers-2.0")
    environment.write_stamp(venv, "wanted")
    assert environment.is_ready(venv, "wanted")
    assert not environment.is_ready(venv, "wanted otherwise")
    add_package(venv, "installed_by_hand-1.0")
    assert environment.is_ready(venv, "wanted"), "what a user adds is theirs"
    shutil.rmtree(numbers)
    assert not environment.is_ready(venv, "wanted"), "what a user removes is missed"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"wanted": "wanted"}', '{"wanted": "wanted", "installed": 3}']
)
def test_unreadable_stamp_means_unfinished(venv: Path, content: str) -> None:
    (venv / environment.STAMP_NAME).write_text(content)
    assert not environment.is_ready(venv, "wanted")


def test_no_environment_is_not_ready(tmp_path: Path) -> None:
    assert not environment.is_ready(tmp_path / "nothing here", "wanted")
