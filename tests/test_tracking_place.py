"""The address of MLflow is known before MLflow is loaded."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from podium import settings
from podium.tracking_place import is_local, read_tracking_uri

CONF = Path(__file__).parents[1] / "conf"


def test_address_is_read_from_a_loader_that_knows_nothing_of_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example.org")
    for env, uri in (("base", "sqlite:///mlflow.db"), ("server", "https://tracking.example.org")):
        loader = OmegaConfigLoader(str(CONF), env=env, **settings.CONFIG_LOADER_ARGS)
        assert read_tracking_uri(loader) == uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("sqlite:///x.db", True), ("file:/x", True), ("mlruns", True), ("", True), ("https://x", False)],
)  # fmt: skip
def test_files_of_this_machine_are_told_from_servers(uri: str, expected: bool) -> None:
    assert is_local(uri) == expected
