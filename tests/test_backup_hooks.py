"""A run is backed up when somebody says where to, and otherwise knows nothing of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from kedro.config import MissingConfigException
from kedro.io import DataCatalog, MemoryDataset

from podium import backup_hooks
from podium.backup_hooks import BackupHooks, is_restoring
from podium.errors import InputError


class Process:
    """Stands in for the process that mirrors; writes down what it is told."""

    calls: ClassVar[list[Any]] = []

    def __init__(self, config: Any, options: Any):
        self.calls.append(("made", config.url, options))

    def start(self) -> None:
        self.calls.append("start")

    def require_start(self, timeout_s: float) -> None:
        self.calls.append("require_start")

    def finish(self) -> bool:
        self.calls.append("finish")
        return True

    def leave_alone(self) -> None:
        self.calls.append("leave_alone")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(backup_hooks, "BackupProcess", Process)
    monkeypatch.setattr(backup_hooks.atexit, "register", lambda function: None)
    monkeypatch.setattr(Process, "calls", [])
    return Process.calls


class Loader(dict[str, Any]):
    """What the hook reads of Kedro's config loader."""

    def __missing__(self, key: str) -> Any:
        raise MissingConfigException(key)


def make_context(backup: dict[str, Any], **credentials: Any) -> Any:
    loader = Loader(parameters={"backup": backup})
    if credentials:
        loader["credentials"] = credentials
    return SimpleNamespace(config_loader=loader)


def test_run_without_a_url_starts_nothing(calls: list[Any]) -> None:
    hooks = BackupHooks()
    hooks.after_context_created(make_context({}))
    hooks.before_pipeline_run({"pipeline_names": None}, DataCatalog())
    hooks.before_node_run()
    hooks.after_pipeline_run({"pipeline_names": None}, DataCatalog())
    assert calls == []


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_run_is_backed_up_from_its_start_to_either_end(calls: list[Any], end: str) -> None:
    hooks = BackupHooks()
    hooks.after_context_created(make_context({"url": "s3://b", "credentials": "팀"}, 팀={"key": "k"}))
    hooks.before_pipeline_run({"pipeline_names": ["train"]}, DataCatalog())
    for _ in range(3):
        hooks.before_node_run()
    arguments = ({"pipeline_names": ["train"]}, DataCatalog()) if end == "after_pipeline_run" else ()
    getattr(hooks, end)(*arguments)
    assert calls == [("made", "s3://b", {"key": "k"}), "start", "require_start", "finish"]


def test_what_cannot_work_is_refused_before_anything_starts(calls: list[Any]) -> None:
    with pytest.raises(InputError) as error:
        BackupHooks().after_context_created(make_context({"url": "s5://b", "credentials": "팀"}))
    assert [case.partition(":")[0] for case in error.value.cases] == ["backup.credentials", "backup.url"]
    assert calls == []


def test_restore_gets_the_options_is_not_mirrored_and_tells_what_is_left_to_do(
    calls: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hooks, run_params = BackupHooks(), {"pipeline_names": ["restore"]}
    catalog = DataCatalog(
        {"backup_options": MemoryDataset(), "restored": MemoryDataset({"what_to_do": ["git pull x"]})}
    )
    hooks.after_context_created(make_context({"url": "s3://b", "credentials": "팀"}, 팀={"secret": "s"}))
    hooks.before_pipeline_run(run_params, catalog)
    hooks.before_node_run()
    assert catalog.load("backup_options") == {"secret": "s"}
    hooks.after_pipeline_run(run_params, catalog)
    assert calls == []
    assert caplog.messages[-1] == "git pull x"
    assert "'s'" not in caplog.text


@pytest.mark.parametrize(
    ("folder", "is_told"), [("data/01_raw/꽃", False), ("elsewhere", True), ("data/01_raw/link", True)]
)
def test_organisers_files_that_are_not_mirrored_are_told(
    calls: list[Any], caplog: pytest.LogCaptureFixture, tmp_path: Path, folder: str, is_told: bool
) -> None:
    (tmp_path / "data/01_raw").mkdir(parents=True)
    (tmp_path / "data/01_raw/link").symlink_to(tmp_path / "elsewhere")
    context = make_context({"url": "s3://b", "data_dir": str(tmp_path / "data"), "project_dir": str(tmp_path)})
    context.config_loader["parameters"] |= {
        "competition": "꽃",
        "competitions": {"꽃": {"root": str(tmp_path / folder)}},
    }
    hooks = BackupHooks()
    hooks.after_context_created(context)
    hooks.before_pipeline_run({"pipeline_names": None}, DataCatalog())
    assert ("the organisers' files of '꽃' are not backed up" in caplog.text) is is_told


def test_only_a_restore_counts_as_one() -> None:
    assert is_restoring({"pipeline_names": ["restore"]})
    assert not is_restoring({"pipeline_names": ["train"]})
    assert not is_restoring({"pipeline_names": None})
    assert not is_restoring({})
