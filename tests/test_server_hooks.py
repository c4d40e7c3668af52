"""A server that was not told where things belong says so at the start."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from podium.server_hooks import ServerHooks, list_missing

ALL = {"PODIUM_BACKUP_URL": "s3://team/backup", "PODIUM_SWEEP_STORAGE": "postgresql+psycopg://u:p@db/sweeps"}


def name_missing(*arguments: Any) -> list[str]:
    return [line.split(" ")[0] for line in list_missing(*arguments)]


def test_everything_that_is_missing_has_a_line_of_its_own() -> None:
    assert name_missing("data", "sqlite:///mlflow.db", {}, {}) == [
        "PODIUM_DATA_ROOT", "MLFLOW_TRACKING_URI", "PODIUM_BACKUP_URL", "PODIUM_SWEEP_STORAGE",
    ]  # fmt: skip


def test_nothing_is_missing_where_all_is_named() -> None:
    assert name_missing("/mnt/big", "https://tracking:5000", {}, ALL) == []


def test_what_parameters_say_counts_too() -> None:
    parameters = {"backup": {"url": "/mnt/nas"}, "sweep_storage": "postgresql+psycopg://db/sweeps"}
    assert name_missing("/mnt/big", "https://tracking:5000", parameters, {}) == []
    alone = {"backup": {"url": None}, "sweep_storage": "sqlite:///sweeps.db"}
    assert name_missing("/mnt/big", "https://tracking:5000", alone, {}) == ["PODIUM_BACKUP_URL", "PODIUM_SWEEP_STORAGE"]


@pytest.mark.parametrize(("env", "n_lines"), [("server", 4), ("local", 0), (None, 0)])
def test_a_laptop_hears_nothing_of_it_and_no_secret_is_told(
    env: str | None, n_lines: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    uri = "sqlite:///mlflow.db?password=geheim"
    loader = {"globals": {"data_root": "data"}, "parameters": {}, "mlflow": {"server": {"mlflow_tracking_uri": uri}}}
    hooks = ServerHooks()
    hooks.after_context_created(SimpleNamespace(env=env, config_loader=loader))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, logger="podium.server_hooks"):
        hooks.before_pipeline_run()
    assert len(caplog.messages) == n_lines
    assert "geheim" not in caplog.text
