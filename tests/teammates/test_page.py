"""The page for teammates says what works: its code is run, and what it writes is taken in."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from podium.pipelines.compare.nodes import share_split
from podium.pipelines.splitting.config import SplittingConfig
from podium.teammates.members import Expected, read_members

PAGE = ROOT / "docs" / "how-to" / "work-with-teammates.md"
CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})
TRAIN = [f"train/{number:03d}.jpg" for number in range(30)]
IMAGES = pd.DataFrame(
    {
        "image_id": [*TRAIN, "test/가.jpg", "test/001.jpg"],
        "subset": ["train"] * 30 + ["test"] * 2,
        "label": pd.array([*[0, 0, 1, 2, 1] * 6, None, None], dtype="Int64"),
        "sha256": [f"{number:064d}" for number in range(32)],
    }
)
FOLDS = pd.DataFrame({"image_id": TRAIN, "fold": [0, 1, 2] * 10})
TEMPLATE = pd.DataFrame({"image_id": ["test/가.jpg", "test/001.jpg"], "ImageID": ["가.jpg", "001.jpg"], "ans": 0})


@pytest.mark.parametrize("scheme", ["k_fold", "hold_out"])
def test_code_of_the_page_writes_a_member_that_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    splitting = SplittingConfig.model_validate({"n_folds": 3, "scheme": scheme})
    shared = share_split(IMAGES, FOLDS, CLASSES, splitting)
    (tmp_path / "split").mkdir()
    shared["shared_folds"].to_csv(tmp_path / "split" / "folds.csv", index=False)
    text = yaml.safe_dump(shared["shared_split"], allow_unicode=True)
    (tmp_path / "split" / "split.yml").write_text(text, encoding="utf-8")
    TEMPLATE.drop(columns="image_id").to_csv(tmp_path / "sample_submission.csv", index=False)
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    exec("\n".join(code), {})
    held_out = FOLDS[FOLDS["fold"].isin(splitting.held_out_folds)]
    digests = [shared["shared_split"][key] for key in ("split_digest", "content_digest")]
    test_ids = pd.Series(["test/001.jpg", "test/가.jpg"])
    (member,) = read_members(tmp_path / "members", Expected(held_out, test_ids, TEMPLATE, CLASSES, *digests))
    assert member.name == "kim"
    # The page's model gives each image the shares of classes in the other folds, here counted by hand.
    labels = dict(zip(TRAIN, [0, 0, 1, 2, 1] * 6, strict=True))
    for fold, row in zip(held_out["fold"], member.oof, strict=True):
        others = [labels[image_id] for image_id in FOLDS.loc[FOLDS["fold"] != fold, "image_id"]]
        np.testing.assert_allclose(row, np.bincount(others, minlength=3) / 20, atol=1e-6)
    np.testing.assert_allclose(member.test.sum(axis=1), 1, atol=1e-6)
