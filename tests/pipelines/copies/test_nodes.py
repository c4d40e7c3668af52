"""Copies are searched once, told apart by hand where a person says so, and proven not to be torn apart."""

import logging
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import pytest

from copies.pictures import EDITS, draw_picture
from podium.errors import InputError
from podium.pipelines.copies.nodes import find_copies, list_conflicts, search_pairs, show_copies
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.leaks.nodes import prove_no_leak
from podium.survey import fill_survey
from podium.vision.decoding import hash_perceptually

INGESTION = IngestionConfig(store_dir=Path("store"), n_jobs=2)
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["고양이", "개"]})
PICTURES = {
    "가": draw_picture(0),
    "가 사본": EDITS["mirrored and cut"](draw_picture(0)),
    "나": draw_picture(1),
    "나 사본": draw_picture(1),
    "시험": EDITS["saved smaller"](draw_picture(1)),
}


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A survey of five pictures of two things, in a folder with a Korean name."""
    root = tmp_path_factory.mktemp("대회")
    paths = {}
    for number, (name, picture) in enumerate(PICTURES.items()):
        file = root / f"{number}.png"
        file.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
        paths[name] = file.name
    hashes = name_contents(root, paths)
    filled = fill_survey(
        folder=root / "조사", root=root, paths={hashes[name]: path for name, path in paths.items()},
        max_pixels=10**7, n_jobs=1, progress=False,
    )  # fmt: skip
    assert filled.n_measured == 4  # two of the five have the same bytes
    return {"folder": (root / "조사").as_posix(), "hashes": hashes}


def name_contents(root: Path, paths: dict[str, str]) -> dict[str, str]:
    import hashlib

    return {name: hashlib.sha256((root / path).read_bytes()).hexdigest() for name, path in paths.items()}


@pytest.fixture
def images(survey: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": list(PICTURES),
            "subset": ["train"] * 4 + ["test"],
            "label": pd.array([0, 1, 0, 0, None], dtype="Int64"),
            "group_id": ["1", "2", "3", "4", None],
            "sha256": list(survey["hashes"].values()),
            "width_px": [picture.shape[1] for picture in PICTURES.values()],
            "height_px": [picture.shape[0] for picture in PICTURES.values()],
            "perceptual_hash": [hash_perceptually(picture) for picture in PICTURES.values()],
        }
    )


@pytest.fixture
def pairs(images: pd.DataFrame, survey: dict[str, Any]) -> pd.DataFrame:
    return search_pairs(images, survey, pd.DataFrame(), LeaksConfig(), INGESTION)


def find(images: pd.DataFrame, pairs: pd.DataFrame, *not_copies: tuple[str, ...], name: str = "새들") -> pd.DataFrame:
    return find_copies(images, pairs, "새들", LeaksConfig(not_copies={name: not_copies}))


def test_copies_of_every_kind_are_joined(images: pd.DataFrame, pairs: pd.DataFrame) -> None:
    copies = find(images, pairs).set_index("image_id")
    assert copies["copy_set"].to_dict() == {"가": 0, "가 사본": 0, "나": 1, "나 사본": 1, "시험": 1}
    assert copies["kind"].to_dict() == {
        "가": "edited", "가 사본": "edited", "나": "bytes", "나 사본": "bytes", "시험": "look_alike",
    }  # fmt: skip
    assert copies.loc["가", "change"].startswith("mirrored, cut")


def test_search_is_repeated_only_for_other_files_or_settings(
    images: pd.DataFrame, pairs: pd.DataFrame, survey: dict[str, Any], tmp_path: Path
) -> None:
    nowhere = {"folder": (tmp_path / "nothing").as_posix()}
    config = LeaksConfig(not_copies={"새들": ()})
    again = search_pairs(images.sample(frac=1, random_state=1), nowhere, pairs, config, INGESTION)
    pd.testing.assert_frame_equal(again, pairs)
    assert len(search_pairs(images.iloc[1:], nowhere, pairs, config, INGESTION)) == len(pairs) - 1, "a file was removed"
    more = pd.concat([images, images.iloc[:1].assign(image_id="새로", sha256="0" * 64)])
    for changed, settings in ((more, {}), (images, {"min_share": 0.5}), (images, {"min_similarity": 0.6})):
        with pytest.raises(InputError, match="survey"):
            search_pairs(changed, nowhere, pairs, LeaksConfig(**settings), INGESTION)


def test_new_files_are_searched_among_those_known_and_the_pairs_are_those_of_one_search(
    images: pd.DataFrame, pairs: pd.DataFrame, survey: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.copies import search

    first = search_pairs(images.iloc[:4], survey, pd.DataFrame(), LeaksConfig(), INGESTION)
    assert len(first) < len(pairs)
    asked: list[search.Pair] = []
    lay = search._lay

    def watch(pair: search.Pair, pictures: dict[int, search.Picture]) -> Any:
        asked.append(pair)
        return lay(pair, pictures)

    monkeypatch.setattr(search, "_lay", watch)
    pd.testing.assert_frame_equal(search_pairs(images, survey, first, LeaksConfig(), INGESTION), pairs)
    new = sorted(images["sha256"].unique()).index(images["sha256"].iloc[4])
    assert asked and all(new in (pair.left, pair.right) for pair in asked)


def test_parquet_file_keeps_what_was_searched(pairs: pd.DataFrame, tmp_path: Path) -> None:
    pairs.to_parquet(tmp_path / "짝.parquet")
    stored = pd.read_parquet(tmp_path / "짝.parquet")
    assert stored.attrs == pairs.attrs and len(pairs.attrs["contents"]) == 4
    pd.testing.assert_frame_equal(stored, pairs)


def test_images_that_a_person_tells_apart_are_no_copies(images: pd.DataFrame, pairs: pd.DataFrame) -> None:
    assert set(find(images, pairs, ("가", "가 사본"))["image_id"]) == {"나", "나 사본", "시험"}
    assert len(find(images, pairs, ("가", "가 사본"), name="다른 대회")) == 5, "said of another competition"


def test_every_wrong_entry_is_told(images: pd.DataFrame, pairs: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="not_copies") as error:
        find(images, pairs, ("가", "가 사"), ("나", "나 사본", "zzz"), ("가", "가"))
    assert error.value.cases == [
        "leaks.not_copies.새들[0]: there is no image '가 사'; did you mean '가 사본'?",
        "leaks.not_copies.새들[1]: there is no image 'zzz'; the table 'copies' has the ids to choose from",
        "leaks.not_copies.새들[1]: '나' and '나 사본' are the same bytes, so they do show the same; leave one out",
        "leaks.not_copies.새들[2]: an image stands there twice",
    ]


def test_conflicting_labels_are_listed_and_warned_of(
    images: pd.DataFrame, pairs: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    conflicts = list_conflicts(find(images, pairs), images, CLASSES)
    assert conflicts[["image_id", "class_name"]].to_numpy().tolist() == [["가", "고양이"], ["가 사본", "개"]]
    assert "2 training images have copies of another class" in caplog.text


@pytest.mark.parametrize(("folds", "n_leaks"), [([0, 0, 1, 1], 0), ([0, 1, 1, 1], 1), ([0, 1, 0, 1], 2)])
def test_proof_lists_leaks_and_raises_nothing(
    images: pd.DataFrame, pairs: pd.DataFrame, folds: list[int], n_leaks: int, caplog: pytest.LogCaptureFixture
) -> None:
    copies = find(images, pairs)
    dealt = pd.DataFrame({"image_id": images["image_id"][:4], "fold": folds})
    with caplog.at_level(logging.WARNING):
        result = prove_no_leak(images, dealt, copies, list_conflicts(copies, images, CLASSES), LeaksConfig())
    proof = result["leak_proof"]
    assert (proof["n_leaks"], len(proof["leaks"]), result["leaks"]["leak"].nunique()) == (n_leaks,) * 3
    assert (proof["n_images"], proof["n_groups"], proof["n_conflicts"]) == (5, 2, 2)
    assert proof["n_sets_across"] == {"bytes": 0, "look_alike": 1, "edited": 0}
    assert ("the split leaks" in caplog.text) == bool(n_leaks)


def test_sheet_shows_each_pair_once_and_says_so_where_there_is_none(
    images: pd.DataFrame, pairs: pd.DataFrame, survey: dict[str, Any]
) -> None:
    figure = show_copies(find(images, pairs), images, survey)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert len(titles) == 3 and titles[-1] == "the same bytes"
    assert "mirrored, cut" in " ".join(titles)
    assert "가 사본" in " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    empty = show_copies(find(images.iloc[[0, 2]], pairs), images, survey)
    assert empty.get_suptitle() == "no copies"
