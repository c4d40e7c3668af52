import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file

from podium.competitions.config import IdTarget, MaskProfiles
from podium.competitions.demo import DemoDrawing
from podium.errors import InputError
from podium.pipelines.ingestion import create_pipeline
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.ingestion.nodes import correct_labels, fill_store, ingest_images, list_images, resolve_input
from podium.pipelines.training.member import digest_content
from podium.schemas import check_classes, check_images
from podium.vision.image_store import ImageStore
from podium.vision.recipe import Recipe

SPEC = {"height_px": 8, "width_px": 6, "resize": "stretch", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}

RECIPE = Recipe(name="기준")


@pytest.fixture
def competition(tmp_path: Path) -> IdTarget:
    """Four training and two test pictures of two classes."""
    root = tmp_path / "대회"
    rng = np.random.default_rng(0)
    for subset, names in (("train", "가나다라"), ("test", "마바")):
        (root / subset).mkdir(parents=True)
        for name in names:
            Image.fromarray(rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)).save(root / subset / f"{name}.png")
    train = pd.DataFrame({"ID": [f"{name}.png" for name in "가나다라"], "target": [0, 1, 0, 1]})
    train.to_csv(root / "train.csv", index=False)
    pd.DataFrame({"target": [0, 1], "class_name": ["개", "고양이"]}).to_csv(root / "meta.csv", index=False)
    pd.DataFrame({"ID": ["바.png", "마.png"], "target": [0, 0]}).to_csv(root / "sample_submission.csv", index=False)
    return IdTarget(format="id_target", root=root)


def ingest(competition: IdTarget, tmp_path: Path, **config: Any) -> dict[str, Any]:
    listing = correct_labels(list_images(competition, "대회", RECIPE), competition, "대회")
    return ingest_images(listing, competition, SPEC, IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1, **config))


def test_all_tables_of_a_competition_come_at_once(competition: IdTarget, tmp_path: Path) -> None:
    results = ingest(competition, tmp_path)
    assert set(results) == {
        "images", "classes", "attributes", "submission_template", "quarantined_images", "label_changes",
        "label_version", "image_store",
    }  # fmt: skip
    assert check_classes(results["classes"])["class_name"].tolist() == ["개", "고양이"]
    assert results["attributes"] == {}
    assert results["submission_template"]["ID"].tolist() == ["바.png", "마.png"]


def test_attributes_are_plain_values(tmp_path: Path) -> None:
    drawing = DemoDrawing(n_people=6, n_test_people=0, image_size_px=32)
    masks = MaskProfiles(format="mask_profiles", root=tmp_path / "얼굴", draw=drawing)
    config = IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1)
    attributes = ingest_images(list_images(masks, "얼굴", RECIPE), masks, SPEC, config)["attributes"]
    assert list(json.loads(json.dumps(attributes))) == ["mask", "gender", "age"]
    assert attributes["age"]["values"] == ("<30", "30-59", ">=60")
    assert (attributes["age"]["raw_column"], attributes["age"]["edges"]) == ("age_years", (30, 60))


def test_missing_competition_is_told_by_the_users_name_for_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        list_images(IdTarget(format="id_target", root=tmp_path / "없음"), "내 대회", RECIPE)
    assert error.value.cases[0].startswith("competitions.내 대회.root: ")


def test_every_image_is_measured_and_its_pixels_are_kept(competition: IdTarget, tmp_path: Path) -> None:
    results = ingest(competition, tmp_path)
    images = check_images(results["images"])
    assert len(images) == 6
    assert set(zip(images["width_px"], images["height_px"], strict=True)) == {(12, 10)}
    assert "error" not in images
    assert results["quarantined_images"].empty
    assert list(results["quarantined_images"]) == ["image_id", "subset", "path", "reason"]
    store = ImageStore(Path(results["image_store"]["folder"]))
    assert store.read_rows(store.rows_of(images["sha256"].tolist())).shape == (6, 8, 6, 3)


def test_second_time_nothing_is_decoded_again(competition: IdTarget, tmp_path: Path) -> None:
    first, second = ingest(competition, tmp_path), ingest(competition, tmp_path)
    assert (first["image_store"]["n_decoded"], first["image_store"]["n_reused"]) == (6, 0)
    assert (second["image_store"]["n_decoded"], second["image_store"]["n_reused"]) == (0, 6)
    pd.testing.assert_frame_equal(first["images"], second["images"])


def test_each_size_and_way_of_preparing_has_a_store_of_its_own(competition: IdTarget, tmp_path: Path) -> None:
    listing = list_images(competition, "대회", RECIPE)
    config = IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1)
    changes = [{}, {"width_px": 8}, {"resize": "pad"}, {"interpolation": "nearest"}, {"center_crop_px": [9, 9]}]
    specs = [{**SPEC, **change} for change in changes]
    folders = {ingest_images(listing, competition, spec, config)["image_store"]["folder"] for spec in specs}
    assert len(folders) == 5
    assert all(Path(folder).parent == tmp_path / "저장소" for folder in folders)


def spoil(competition: IdTarget, *names: str) -> None:
    for name in names:
        (competition.root / name).write_bytes(b"no picture")


def test_every_bad_image_is_named_and_what_to_do(competition: IdTarget, tmp_path: Path) -> None:
    spoil(competition, "train/나.png", "test/마.png")
    with pytest.raises(InputError) as error:
        ingest(competition, tmp_path)
    assert error.value.heading.startswith("2 images cannot be read; mend or remove them, or set ingestion.on_bad_image")
    assert sorted(case.split(":")[0] for case in error.value.cases) == ["test/마.png", "train/나.png"]


def test_bad_images_are_set_aside_with_their_reasons_on_request(competition: IdTarget, tmp_path: Path) -> None:
    spoil(competition, "train/나.png", "test/마.png")
    results = ingest(competition, tmp_path, on_bad_image="quarantine")
    assert len(check_images(results["images"])) == 4
    aside = results["quarantined_images"].set_index("image_id")
    assert sorted(aside.index) == ["test/마.png", "train/나.png"]
    assert aside["subset"].to_dict() == {"test/마.png": "test", "train/나.png": "train"}
    assert aside["reason"].str.len().min() > 5


def test_images_of_too_many_pixels_are_bad(competition: IdTarget, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        ingest(competition, tmp_path, max_pixels=119)
    assert len(error.value.cases) == 6


def test_one_class_that_is_left_is_nothing_to_tell_apart(competition: IdTarget, tmp_path: Path) -> None:
    spoil(competition, "train/나.png", "train/라.png")
    with pytest.raises(InputError, match="nothing to tell apart") as error:
        ingest(competition, tmp_path, on_bad_image="quarantine")
    assert error.value.cases == ["readable training images have 1 class(es), not 2"]


def test_input_of_the_recipe_is_plain(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}, "input": {"size_px": [32, 48]}})
    spec, weights = resolve_input(recipe, tmp_path)
    assert (spec["height_px"], spec["width_px"], spec["resize"]) == (32, 48, "stretch")
    assert set(spec) == {"height_px", "width_px", "resize", "center_crop_px", "interpolation", "mean", "std"}
    assert weights == {"path": None, "sha256": None}


def test_starting_weights_are_named_with_their_digest(tmp_path: Path) -> None:
    path = tmp_path / "test_resnet.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet", "pretrained": True}})
    _, weights = resolve_input(recipe, tmp_path)
    assert weights == {"path": path.as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_starting_weights_of_another_backbone_are_refused_before_any_image_is_opened(tmp_path: Path) -> None:
    save_file(timm.create_model("test_convnext").state_dict(), tmp_path / "test_resnet.safetensors")
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet", "pretrained": True}})
    with pytest.raises(InputError, match="does not hold weights of the backbone 'test_resnet'"):
        resolve_input(recipe, tmp_path)


def test_unknown_optimizer_is_refused_here(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"name": "r", "optimizer": {"name": "adamww"}})
    with pytest.raises(InputError, match="adamww"):
        resolve_input(recipe, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("on_bad_image", "skip"), ("max_pixels", 0), ("n_jobs", 0), ("threads", 2), ("store_dir", None)]
)
def test_wrong_parameter_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}$"):
        IngestionConfig.model_validate({"store_dir": "x", name: value})


def test_pipeline_goes_from_files_to_a_filled_store_in_memory(competition: IdTarget, tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}, "input": {"size_px": [32, 32]}})
    values = {
        "recipe": recipe, "competition": competition, "params:competition": "대회",
        "params:ingestion": IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1), "params:weights_dir": tmp_path,
    }  # fmt: skip
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    for name in ("listing", "input_spec", "starting_weights"):
        catalog[name] = MemoryDataset()
    results = SequentialRunner().run(create_pipeline(), catalog)
    check_images(results["images"].load())
    assert ImageStore(Path(results["image_store"].load()["folder"])).size_px == (32, 32)


def test_recipe_of_an_attribute_is_refused_where_there_is_none(competition: IdTarget) -> None:
    with pytest.raises(InputError, match="does not fit the competition") as error:
        list_images(competition, "대회", Recipe(name="r", attribute="age"))
    assert error.value.cases == ["recipes.r.attribute: 'age' is no attribute of '대회'; it has none"]


def correct(competition: IdTarget, file: Path, *rows: str) -> IdTarget:
    """Write marks, and name the file in a copy of the competition."""
    file.write_text("\n".join(["image_id,mark,class_name,class_before,note", *rows, ""]), encoding="utf-8")
    return competition.model_copy(update={"corrections": [file]})


def test_corrected_labels_make_a_version_of_the_images_and_go_without_a_trace(
    competition: IdTarget, tmp_path: Path
) -> None:
    rows = ["train/가.png,label_wrong,고양이,개,고양이다", "train/나.png,exclude,,고양이,", "test/마.png,look_again,,,"]
    file = tmp_path / "대회_marks.csv"
    before = ingest(competition, tmp_path)
    corrected = ingest(correct(competition, file, *rows), tmp_path)
    after = ingest(competition, tmp_path)

    labels = check_images(corrected["images"]).set_index("image_id")["label"].dropna()
    assert labels.to_dict() == {"train/가.png": 1, "train/다.png": 0, "train/라.png": 1}
    assert corrected["image_store"] == {**before["image_store"], "n_decoded": 0, "n_reused": 5}
    version = json.loads(json.dumps(corrected["label_version"], ensure_ascii=False))
    assert list(version) == ["version", "n_relabelled", "n_excluded", "n_to_look_at", "files"]
    assert (version["n_relabelled"], version["n_excluded"], version["n_to_look_at"]) == (1, 1, 1)
    assert version["files"] == [{"path": file.as_posix(), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}]
    assert corrected["label_changes"]["image_id"].tolist() == ["test/마.png", "train/가.png", "train/나.png"]
    assert before["label_version"] == after["label_version"]
    assert before["label_version"]["version"] == "organisers" != version["version"]
    assert before["label_changes"].empty
    pd.testing.assert_frame_equal(before["images"], after["images"])
    contents = [digest_content(results["images"]) for results in (before, corrected, after)]
    assert contents[0] == contents[2] != contents[1], "members are found by this digest"


def test_an_image_that_is_excluded_need_not_be_readable(competition: IdTarget, tmp_path: Path) -> None:
    spoil(competition, "train/나.png")
    excluding = correct(competition, tmp_path / "m.csv", "train/나.png,exclude,,고양이,")
    results = ingest(excluding, tmp_path)
    assert "train/나.png" not in set(results["images"]["image_id"])
    assert results["quarantined_images"].empty


def test_wrong_marks_are_told_by_the_users_name_for_the_competition(competition: IdTarget, tmp_path: Path) -> None:
    wrong = correct(competition, tmp_path / "m.csv", "train/하.png,exclude,,,")
    with pytest.raises(InputError, match="competition 대회: 1 thing"):
        ingest(wrong, tmp_path)


def test_another_input_gets_its_store_and_the_tables_stay(competition: IdTarget, tmp_path: Path) -> None:
    images = ingest(competition, tmp_path)["images"]
    config = IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1)
    filled = fill_store(images, competition, {**SPEC, "height_px": 16}, config)
    assert (filled["n_decoded"], filled["n_reused"]) == (6, 0)
    store = ImageStore(Path(filled["folder"]))
    assert store.rows_of(images["sha256"]).shape == (6,)
    again = fill_store(images, competition, {**SPEC, "height_px": 16}, config)
    assert again == {"folder": filled["folder"], "n_decoded": 0, "n_reused": 6}


def test_images_that_changed_since_they_were_ingested_are_all_told(competition: IdTarget, tmp_path: Path) -> None:
    images = ingest(competition, tmp_path)["images"]
    for name in ("train/가.png", "test/바.png"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(competition.root / name)
    (competition.root / "train" / "나.png").unlink()
    with pytest.raises(InputError, match="Images have changed since the sweep began") as error:
        fill_store(images, competition, SPEC, IngestionConfig(store_dir=tmp_path / "저장소", n_jobs=1))
    assert sorted(case.split(":")[0] for case in error.value.cases) == ["test/바.png", "train/가.png", "train/나.png"]
