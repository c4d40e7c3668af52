"""The report from tables and pictures on the disk, node by node, as Kedro runs it."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pipelines.report.drawn_members import (
    ATTRIBUTES,
    CLASSES,
    GOOD,
    POOR,
    draw_members,
    make_ensemble,
    make_reported,
    make_trained,
)
from podium.competitions.config import ImageFolder
from podium.datasets.trained_members import TrainedMembers
from podium.datasets.weights import WeightsDataset
from podium.digests import digest_probabilities
from podium.errors import InputError
from podium.label_errors import find_label_errors
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.leaks.nodes import digest_proven
from podium.pipelines.report import create_pipeline
from podium.pipelines.report.config import ReportConfig
from podium.pipelines.report.explaining import HeatMaps
from podium.pipelines.report.nodes import (
    link_predictions,
    list_contested_test_images,
    require_training,
    suspect_labels,
)
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import digest_present
from podium.probabilities import make_table
from podium.survey import fill_survey
from podium.vision.recipe import Recipe

REPORTED = make_reported()


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Two plain pictures in a survey of their own; all images are copies of them, which is quick."""
    folder = tmp_path_factory.mktemp("survey")
    known = {}
    for name, shade in (("밝음.png", 200), ("어두움.png", 60)):
        path = folder / name
        Image.fromarray(np.full((40, 30, 3), shade, np.uint8)).save(path)
        known[hashlib.sha256(path.read_bytes()).hexdigest()] = name
    fill_survey(folder / "survey", folder, known, max_pixels=10_000, n_jobs=1, progress=False)
    return folder / "survey", known


@pytest.fixture
def values(tmp_path: Path, surveyed: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    """All that the pipeline reads: tables, a survey, two members of ours; no weights, nothing handed over."""
    members = draw_members()
    train, test = members.images, members.test_ids
    survey, known = surveyed
    ids = [*train["image_id"], *test]
    images = pd.DataFrame({"image_id": ids, "path": ids}).assign(
        sha256=[sorted(known)[number % 2] for number in range(len(ids))],
        subset=["train"] * len(train) + ["test"] * len(test),
        label=pd.array([*train["label"], *[None] * len(test)], dtype="Int64"),
        group_id=[*train["group"], *[None] * len(test)],
        width_px=30, height_px=40, n_bytes=1, perceptual_hash="0" * 64,
    )  # fmt: skip
    folds = train[["image_id", "fold"]]
    for path in ids:
        (tmp_path / "사진" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "사진" / path).touch()
    return {
        "trained_members": train_members(digest_present(images, folds)),
        "last_ensemble": None,
        "images": images,
        "folds": folds,
        "targets": train[["image_id", "label"]].assign(training_label=0),
        "copies": pd.DataFrame({"image_id": pd.Series(dtype="str"), "copy_set": pd.Series(dtype="int64")}),
        "classes": CLASSES,
        "attributes": ATTRIBUTES,
        "submission_template": pd.DataFrame({"image_id": test, "ID": test, "target": 0}),
        "teammate_members": tmp_path / "nobody handed anything over",
        "reported_label_version": {},
        "leak_proof": {},
        "survey": {"folder": survey.as_posix()},
        "competition": ImageFolder(format="image_folder", root=tmp_path / "사진"),
        "params:competition": "얼굴",
        "params:recipes": {},
        "params:splitting": SplittingConfig(n_folds=2),
        "params:ensemble": EnsembleConfig(n_draws=100),
        "params:leaks": LeaksConfig(),
        "params:ingestion": IngestionConfig(store_dir=tmp_path / "store"),
        "params:training": TrainingConfig(checkpoint_dir=tmp_path),
        "params:report": ReportConfig(page_dir=tmp_path / "page"),
    }


def train_members(present: dict[str, str]) -> TrainedMembers:
    """Put the drawn members of ours into tables, as training leaves them."""
    members, trained = draw_members(), make_trained()
    oof, tests = {}, {}
    for name in (GOOD, POOR):
        said, test = members.oof[members.names.index(name)], members.load_test[name]()
        for fold in (0, 1):
            is_held_out = (members.images["fold"] == fold).to_numpy()
            table = make_table(members.images.loc[is_held_out, "image_id"], fold, said[is_held_out])
            tested = make_table(members.test_ids, fold, test)
            for part in (table, tested):
                part.attrs.update(present)
            oof[f"{name}/fold_{fold}"] = lambda table=table: table
            tests[f"{name}/fold_{fold}"] = lambda tested=tested: tested
    return TrainedMembers(oof, tests, trained.history)


def run(values: dict[str, Any]) -> dict[str, Any]:
    """Run the nodes one after another; all that they read and write, by name."""
    values = dict(values)
    for node in create_pipeline().nodes:
        values |= node.run({name: values[name] for name in node.inputs})
    return values


def test_report_of_two_members_without_ensemble_or_weights_is_whole(values: dict[str, Any]) -> None:
    done = run(values)
    assert done["report_scores"]["member"].tolist()[:2] == [GOOD, POOR]
    page = done["report_page"]
    assert "얼굴: report" in page and GOOD in page and POOR in page
    assert f"No heat maps of {GOOD}: its weights are not on this machine." in page
    assert "There is no ensemble yet" in page
    shown = done["shown_images"].images
    assert len(shown) == len(values["images"]) == len(done["shown_images"].thumbnails)
    assert shown["original"].str.startswith("../사진/").all()


def test_report_is_the_same_for_the_same_tables_in_any_order(values: dict[str, Any]) -> None:
    first = run(values)["report_page"]
    for name in ("images", "targets", "classes"):
        values[name] = values[name].sample(frac=1, random_state=1).reset_index(drop=True)
    assert run(values)["report_page"] == first


def test_hold_out_reports_on_what_was_held_out_and_shows_all(values: dict[str, Any]) -> None:
    done = run({**values, "params:splitting": SplittingConfig(n_folds=2, scheme="hold_out")})
    n_held_out = int((values["folds"]["fold"] == 0).sum())
    assert (done["report_scores"]["n_images"] == n_held_out).all()
    assert len(done["shown_images"].images) == len(values["images"])
    assert len(done["by_prediction"]) == n_held_out


def test_ensemble_of_another_split_is_left_out_and_one_of_this_speaks_first(values: dict[str, Any]) -> None:
    other = make_ensemble(draw_members())
    done = run({**values, "last_ensemble": other})
    assert done["reported"].main == GOOD
    assert "The last ensemble was made for another split" in done["report_page"]
    fitting = make_ensemble(draw_members())
    fitting.digests.update(digest_present(values["images"], values["folds"]))
    done = run({**values, "last_ensemble": fitting})
    assert done["reported"].main == "ensemble"
    assert done["report_scores"]["kind"].tolist()[:4].count("nested") == 1


def test_ensemble_whose_tables_are_of_two_runs_is_left_out(values: dict[str, Any]) -> None:
    fitting = make_ensemble(draw_members())
    fitting.digests.update(digest_present(values["images"], values["folds"]))
    mixed = replace(fitting, weights=fitting.weights.assign(weight=[0.9, 0.1]))
    done = run({**values, "last_ensemble": mixed})
    assert done["reported"].main == GOOD
    assert "The last ensemble is not what its weights make of its members" in done["report_page"]


def test_ensemble_whose_nested_table_is_of_a_run_that_was_stopped_is_left_out(values: dict[str, Any]) -> None:
    fitting = make_ensemble(draw_members())
    digests = digest_present(values["images"], values["folds"])
    digests["nested_oof_digest"] = digest_probabilities(fitting.nested_oof)
    fitting.digests.update(digests)
    assert run({**values, "last_ensemble": fitting})["reported"].main == "ensemble"
    newer = fitting.nested_oof.assign(p_0=0.5, p_1=0.5)
    done = run({**values, "last_ensemble": replace(fitting, nested_oof=newer)})
    assert done["reported"].main == GOOD
    assert "The last ensemble was stopped halfway" in done["report_page"]


def test_ensemble_of_members_that_are_gone_is_shown_without_what_came_before_its_temperature(
    values: dict[str, Any],
) -> None:
    fitting = make_ensemble(draw_members())
    fitting.digests.update(digest_present(values["images"], values["folds"]))
    trained = values["trained_members"]
    left = TrainedMembers(
        {name: load for name, load in trained.oof.items() if name.startswith(GOOD)},
        trained.test_probabilities, trained.history,
    )  # fmt: skip
    page = run({**values, "last_ensemble": fitting, "trained_members": left})["report_page"]
    assert f"The ensemble was made of members that are gone: {POOR}." in page
    assert "before temperature" not in page


def test_member_that_does_not_fit_is_named_with_what_it_lacks(values: dict[str, Any]) -> None:
    trained = values["trained_members"]
    del trained.oof[f"{POOR}/fold_1"]
    page = run(values)["report_page"]
    assert f"Left out: {POOR}: not finished, {POOR}/fold_1 missing." in page


def test_member_that_the_ensemble_leaves_out_is_reported_all_the_same(values: dict[str, Any]) -> None:
    done = run({**values, "params:ensemble": EnsembleConfig(n_draws=100, leave_out=(GOOD,))})
    assert done["reported"].order == [GOOD, POOR]


def test_no_more_images_are_shown_than_asked_for_and_the_page_says_so(values: dict[str, Any]) -> None:
    done = run({**values, "params:report": ReportConfig(max_images=40, page_dir=None, thumbnail_px=32)})
    assert len(done["shown_images"].images) == 40
    assert done["shown_images"].images["image_id"].is_monotonic_increasing
    assert "40 of 132 (report.max_images)" in done["report_page"]
    assert '"nKnown":132' in done["report_page"]


def test_heat_maps_are_counted_among_the_images_of_the_page(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = HeatMaps(GOOD, {name: np.zeros((2, 2), np.uint8) for name in values["folds"]["image_id"]})
    monkeypatch.setattr("podium.pipelines.report.nodes.explain_or_say_why_not", lambda *_: everywhere)
    for max_images in (30, 1000):
        done = run({**values, "params:report": ReportConfig(max_images=max_images, thumbnail_px=32)})
        n = int((done["shown_images"].images["subset"] == "train").sum())
        overview = " ".join(done["report_sections"][0].html.split())
        assert f"For the {n} training images of this page with the largest loss" in overview


@pytest.mark.parametrize("changed", ["nothing", "group_id", "settings"])
def test_proof_of_other_groups_or_settings_does_not_count(values: dict[str, Any], changed: str) -> None:
    """What training would refuse, the page must not call proven."""
    proven = digest_proven(values["images"], values["folds"], values["params:leaks"])
    values["leak_proof"] = {**proven, "n_leaks": 0, "n_conflicts": 0}
    if changed == "group_id":
        train = values["images"]["subset"] == "train"
        values["images"].loc[train, "group_id"] += "와 친구"
    if changed == "settings":
        values["params:leaks"] = LeaksConfig(not_copies={"얼굴": [["a", "b"]]})
    page = run(values)["report_page"]
    assert ("none in this split" in page) == (changed == "nothing")
    assert ("not proven for this split" in page) == (changed != "nothing")


def test_page_is_written_although_an_organisers_file_is_gone(values: dict[str, Any]) -> None:
    gone = values["folds"]["image_id"].iloc[5]
    (values["competition"].root / gone).unlink()
    done = run(values)
    assert gone not in [
        Path(path).relative_to(values["competition"].root).as_posix() for path in done["by_prediction"]["path"]
    ]
    assert len(done["by_prediction"]) == len(values["folds"]) - 1
    assert f"files of 1 training images are gone, such as {gone}." in done["report_sections"][0].html


def test_without_any_member_it_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no member was trained or handed over.*kedro run --pipeline train"):
        require_training(TrainedMembers(), tmp_path / "없음")
    (tmp_path / "민지").mkdir()
    assert require_training(TrainedMembers(), tmp_path) == TrainedMembers()


def test_members_that_all_lack_something_are_listed(values: dict[str, Any]) -> None:
    values["trained_members"] = train_members({"split_digest": "other", "content_digest": "other"})
    with pytest.raises(InputError, match=r"no member to report on.*\n.*made for another split") as error:
        run(values)
    assert len(error.value.cases) == 2


def test_suspects_are_those_of_confident_learning_most_suspicious_first() -> None:
    table = suspect_labels(REPORTED, CLASSES)
    found = find_label_errors(REPORTED.labels, REPORTED.get_oof("ensemble"))
    names = CLASSES["class_name"].to_numpy()
    assert len(table) == found.is_suspect.sum() > 0
    order = np.argsort(-found.suspicion[found.is_suspect], kind="stable")
    suspects = REPORTED.members.images[found.is_suspect].iloc[order]
    assert table["image_id"].tolist() == suspects["image_id"].tolist()
    assert table["class_name"].tolist() == names[suspects["label"]].tolist()
    assert table["suggested_class"].tolist() == names[found.suggested[suspects.index]].tolist()
    assert table["rank"].tolist() == list(range(1, len(table) + 1))


def test_contested_images_are_those_with_different_votes() -> None:
    table = list_contested_test_images(REPORTED, CLASSES)
    names = CLASSES["class_name"].to_numpy()
    votes = pd.DataFrame({name: names[REPORTED.get_test(name).argmax(axis=1)] for name in REPORTED.order})
    assert set(table["image_id"]) == set(REPORTED.members.test_ids[votes.nunique(axis=1) > 1])
    for row in table.to_dict("records"):
        counts = votes.iloc[REPORTED.members.test_ids.tolist().index(row["image_id"])].value_counts(normalize=True)
        assert row["entropy"] == pytest.approx(-(counts * np.log(counts)).sum())
        assert [row[f"vote_{name}"] for name in REPORTED.order] == votes.iloc[
            REPORTED.members.test_ids.tolist().index(row["image_id"])
        ].tolist()
    assert table["entropy"].is_monotonic_decreasing


def test_every_held_out_image_is_linked_below_its_true_and_its_predicted_class(tmp_path: Path) -> None:
    ids = REPORTED.members.images["image_id"]
    images = pd.DataFrame({"image_id": ids, "path": ids + ".원본"})
    (tmp_path / "학습").mkdir()
    for path in images["path"]:
        (tmp_path / path).touch()
    done = link_predictions(REPORTED, images, CLASSES, ImageFolder(format="image_folder", root=tmp_path))
    assert done["missing_originals"] == []
    table = done["by_prediction"]
    names, said = CLASSES["class_name"].to_numpy(), REPORTED.get_oof("ensemble").argmax(axis=1)
    expected = {
        (f"{names[true]}_as_{names[predicted]}", image_id.removeprefix("학습/"), str(tmp_path / f"{image_id}.원본"))
        for image_id, true, predicted in zip(ids, REPORTED.labels, said, strict=True)
    }
    assert set(table.itertuples(index=False, name=None)) == expected


def test_weights_that_are_damaged_are_told_and_the_page_goes_on(values: dict[str, Any], tmp_path: Path) -> None:
    weights = {}
    for fold in (0, 1):
        weights[f"{GOOD}/fold_{fold}"] = tmp_path / f"{fold}.safetensors"
        data = {"tensors": {"w": torch.zeros(1)}, "header": {"recipe": Recipe(name="기본").model_dump(mode="json")}}
        WeightsDataset(filepath=weights[f"{GOOD}/fold_{fold}"].as_posix()).save(data)
    weights[f"{GOOD}/fold_0"].write_bytes(b"not weights")
    values["trained_members"] = replace(values["trained_members"], weights=weights)
    done = run(values)
    assert f"The weights of {GOOD}/fold_0 are damaged" in done["report_sections"][0].html
    assert [one.member for one in done["configurations"]] == [GOOD]  # by what the other fold says
    assert f"No heat maps of {POOR}: its weights are not on this machine." in done["report_page"]


def test_changed_leaves_are_counted_in_the_log(caplog: pytest.LogCaptureFixture, values: dict[str, Any]) -> None:
    with caplog.at_level(logging.INFO, logger="podium"):
        run(values)
    assert "recipe leaves differ between members or from the defaults" in caplog.text


def test_nothing_is_looked_at_before_it_is_known_that_something_was_trained() -> None:
    from podium.pipeline_registry import register_pipelines

    names = [node.name for node in register_pipelines()["report"].nodes]
    assert names.index("report.require_training") < names.index("survey.survey_images")
