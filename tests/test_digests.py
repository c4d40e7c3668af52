import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.digests import N_DIGITS, digest_probabilities, digest_table, digest_values
from podium.probabilities import make_table

TABLE = pd.DataFrame({"image_id": ["train/가.jpg", "train/b.jpg"], "fold": [0, 1]})


def test_order_of_keys_does_not_change_a_digest_at_any_depth() -> None:
    one = {"a": 1, "b": {"x": [1, 2], "y": "한글"}}
    other = {"b": {"y": "한글", "x": [1, 2]}, "a": 1}
    assert digest_values(one) == digest_values(other)


@pytest.mark.parametrize(
    "other", [{"a": 2}, {"b": 1}, {"a": "1"}, {"a": 1, "b": None}, {"a": True}, {"a": [1]}, {"a": 1.5}]
)
def test_another_value_has_another_digest(other: object) -> None:
    assert digest_values(other) != digest_values({"a": 1})


def test_order_of_a_list_counts() -> None:
    assert digest_values([1, 2]) != digest_values([2, 1])


def test_tuple_and_list_are_the_same_value_as_in_json() -> None:
    assert digest_values({"size": (64, 64)}) == digest_values({"size": [64, 64]})


def test_nan_is_refused_since_json_has_none() -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        digest_values({"lr": float("nan")})


@pytest.mark.parametrize("value", [digest_values({"a": 1}), digest_table(TABLE)])
def test_digest_is_short_hex(value: str) -> None:
    assert len(value) == N_DIGITS
    assert set(value) <= set("0123456789abcdef")


def test_table_digest_ignores_the_index_and_integer_width() -> None:
    other = TABLE.astype({"fold": "int8"}).set_index(pd.Index([7, 3]))
    assert digest_table(other) == digest_table(TABLE)


@pytest.mark.parametrize(
    "other",
    [
        TABLE.iloc[::-1],
        TABLE[["fold", "image_id"]],
        TABLE.rename(columns={"fold": "Fold"}),
        TABLE.assign(fold=[1, 0]),
        TABLE.assign(image_id=["train/가.jpg", "train/c.jpg"]),
        TABLE.iloc[:1],
    ],
)
def test_any_change_of_a_table_changes_its_digest(other: pd.DataFrame) -> None:
    assert digest_table(other) != digest_table(TABLE)


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_table_digest_does_not_depend_on_the_system(monkeypatch: pytest.MonkeyPatch, line_end: str) -> None:
    expected = hashlib.sha256("image_id,fold\ntrain/가.jpg,0\ntrain/b.jpg,1\n".encode()).hexdigest()[:N_DIGITS]
    monkeypatch.setattr(os, "linesep", line_end)
    assert digest_table(TABLE) == expected


def test_a_cell_with_separators_is_not_taken_for_two() -> None:
    assert digest_table(pd.DataFrame({"a": ["x,y"], "b": ["z"]})) != digest_table(
        pd.DataFrame({"a": ["x"], "b": ["y,z"]})
    )


def test_digests_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "import pandas as pd; from podium.digests import digest_table, digest_values;"
        "print(digest_values({k: i for i, k in enumerate(sorted({'가', 'b', 'c', 'd'}))}),"
        " digest_table(pd.DataFrame({'image_id': ['train/가.jpg', 'train/b.jpg'], 'fold': [0, 1]})))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "4242")
    }  # fmt: skip
    assert len(outputs) == 1
    assert outputs.pop().split()[1] == digest_table(TABLE)


def test_probabilities_count_to_the_last_bit_and_come_back_from_a_file_as_they_were(tmp_path: Path) -> None:
    said = np.array([[0.1, 0.9], [0.25, 0.75]], np.float32)
    ids = pd.Series(["가", "나"])
    table = make_table(ids, 0, said)
    table.to_parquet(tmp_path / "table.parquet")
    digest = digest_probabilities(table)
    assert digest_probabilities(pd.read_parquet(tmp_path / "table.parquet")) == digest
    nearly = said.copy()
    nearly[0, 0] = np.nextafter(nearly[0, 0], np.float32(1))
    others = [make_table(ids, 0, nearly), make_table(ids[::-1], 0, said), make_table(ids, 1, said), table.iloc[:1]]
    assert len({digest, *map(digest_probabilities, others)}) == 5
