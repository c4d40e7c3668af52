from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro.io.core import Version

from podium.datasets.optional_table import OptionalTableDataset

TABLE = pd.DataFrame({"image_id": ["가"], "fold": [0]})


@pytest.mark.parametrize("version", [None, Version(None, None)])
def test_table_that_was_never_written_is_empty_and_one_that_was_is_read(
    tmp_path: Path, version: Version | None
) -> None:
    path = (tmp_path / "표.parquet").as_posix()
    before = OptionalTableDataset(filepath=path, version=version).load()
    assert before.empty and list(before) == []
    TABLE.attrs = {"split_digest": "s"}
    OptionalTableDataset(filepath=path, version=version).save(TABLE)
    loaded = OptionalTableDataset(filepath=path, version=version).load()
    pd.testing.assert_frame_equal(loaded, TABLE)
    assert loaded.attrs == {"split_digest": "s"}


def test_version_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    path = (tmp_path / "표.parquet").as_posix()
    OptionalTableDataset(filepath=path, version=Version(None, "2026-01-01T00.00.00.000Z")).save(TABLE)
    with pytest.raises(DatasetError):
        OptionalTableDataset(filepath=path, version=Version("2025-01-01T00.00.00.000Z", None)).load()
