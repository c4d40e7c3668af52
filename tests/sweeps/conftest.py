"""What tests of a queue share."""

from pathlib import Path

import pytest

from podium.sweeps.storage import Database


@pytest.fixture
def laptop(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/줄.db")
