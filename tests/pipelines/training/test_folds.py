"""What a fold is given, and what is said of its results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from podium.errors import InputError
from podium.pipelines.training import folds
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.folds import choose_hardware, fit_and_describe
from podium.probabilities import to_matrix
from podium.vision import fitting_store
from podium.vision.backbones import InputSpec
from podium.vision.fit import FittedFold, Hardware
from podium.vision.recipe import Recipe

MEMBER = {"name": "기준-0a", "recipe": "기준", "split_digest": "s1", "content_digest": "c1", "folds": [0, 1]}
TRAIN = pd.DataFrame(
    {
        "image_id": ["가", "나", "다", "라"],
        "sha256": ["a", "b", "c", "d"],
        "fold": [0, 1, 0, 1],
        "label": [0, 1, 2, 0],
        "training_label": [5, 6, 7, 8],
        "n_variants": [1, 2, 3, 4],
    }
)
TEST = pd.DataFrame({"image_id": ["시험1", "시험2"], "sha256": ["y", "z"]})


class Store:
    """A store whose rows are told by the letters of the contents."""

    def __init__(self, folder: Path):
        self.folder = folder

    size_px = (8, 8)
    resize = "stretch"

    def rows_of(self, sha256: Any) -> np.ndarray:
        return np.array([ord(letter) for letter in sha256], dtype=np.int64)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put a fold that is trained at once in place of training; holds what it was given."""
    given: dict[str, Any] = {}

    def fit(recipe: Any, spec: Any, policy: Any, store: Any, data: Any, *rest: Any) -> FittedFold:
        given.update(store=store, data=data, rest=rest)
        rest[-1]({"epoch": 0, "val_loss": 0.5})
        oof = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)
        history = pd.DataFrame({"epoch": [0], "val_loss": [0.5]})
        return FittedFold({"w": torch.ones(2)}, history, oof, oof[::-1])

    monkeypatch.setattr(folds, "fit_fold", fit)
    monkeypatch.setattr(fitting_store, "ImageStore", Store)
    monkeypatch.setattr(folds, "log_epoch", lambda fold, row: given.update(logged=(fold, row)))
    return given


def train_fold(fold: int, width_px: int = 8) -> dict[str, Any]:
    spec = InputSpec(8, width_px, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    hardware = Hardware("cpu", "32-true", 0, False)
    return fit_and_describe(
        Recipe(name="기준"), spec, [], "저장소", TRAIN, TEST, 3, MEMBER, fold, hardware, Path("checkpoints")
    )


def test_held_out_fold_is_scored_on_true_labels_and_the_others_are_trained_on_shifted_ones(
    given: dict[str, Any],
) -> None:
    train_fold(1)
    data = given["data"]
    assert given["store"].folder == Path("저장소")
    assert data.train_rows.tolist() == [ord("a"), ord("c")]
    assert data.training_labels.tolist() == [5, 7]
    assert data.n_variants.tolist() == [1, 3]
    assert data.validation_rows.tolist() == [ord("b"), ord("d")]
    assert data.validation_labels.tolist() == [1, 0]
    assert data.test_rows.tolist() == [ord("y"), ord("z")]
    assert data.n_classes == 3


def test_probabilities_stand_beside_the_images_that_they_are_of(given: dict[str, Any]) -> None:
    results = train_fold(1)
    assert results["oof"]["image_id"].tolist() == ["나", "라"]
    assert results["test_probabilities"]["image_id"].tolist() == ["시험1", "시험2"]
    for name in ("oof", "test_probabilities", "history"):
        assert set(results[name]["fold"]) == {1}
    assert to_matrix(results["oof"])[0].tolist() == [0.5, 0.25, 0.25]
    assert to_matrix(results["test_probabilities"])[0].tolist() == [0.25, 0.5, 0.25]
    assert list(results["history"]) == ["fold", "epoch", "val_loss"]


def test_every_table_says_whose_it_is(given: dict[str, Any], tmp_path: Path) -> None:
    results = train_fold(0)
    wanted = {"name": "기준-0a", "recipe": "기준", "split_digest": "s1", "content_digest": "c1"}
    for name in ("oof", "test_probabilities", "history"):
        results[name].to_parquet(tmp_path / name)
        assert pd.read_parquet(tmp_path / name).attrs == wanted


def test_header_of_the_weights_is_plain_and_holds_recipe_and_input(given: dict[str, Any]) -> None:
    header = train_fold(0)["weights"]["header"]
    assert json.loads(json.dumps(header)) == header
    assert header["member"] == MEMBER
    assert header["fold"] == 0
    assert Recipe.model_validate(header["recipe"]) == Recipe(name="기준")
    assert header["input_spec"]["mean"] == [0.5, 0.5, 0.5]


def test_epochs_are_tracked_under_their_fold(given: dict[str, Any]) -> None:
    train_fold(1)
    assert given["logged"] == (1, {"epoch": 0, "val_loss": 0.5})


@pytest.mark.parametrize(
    ("has_gpu", "has_bf16", "device", "precision", "expected"),
    [
        (False, False, "auto", "auto", ("cpu", "32-true")),
        (False, True, "auto", "auto", ("cpu", "32-true")),
        (False, False, "auto", "bf16", ("cpu", "bf16-mixed")),
        (True, True, "auto", "auto", ("gpu", "bf16-mixed")),
        (True, False, "auto", "auto", ("gpu", "32-true")),
        (True, True, "cpu", "auto", ("cpu", "32-true")),
        (True, True, "gpu", "32", ("gpu", "32-true")),
        (True, False, "gpu", "bf16", ("gpu", "bf16-mixed")),
    ],
)
def test_auto_takes_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, has_bf16: bool, device: Any, precision: Any,
    expected: tuple[str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    training = TrainingConfig(checkpoint_dir="x", device=device, precision=precision, num_workers=3, progress=False)
    hardware = choose_hardware(training)
    assert (hardware.accelerator, hardware.precision) == expected
    assert (hardware.num_workers, hardware.progress) == (3, False)


def test_store_of_another_size_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="made for another recipe") as error:
        train_fold(0, width_px=12)
    (case,) = error.value.cases
    assert case.startswith(
        "input: the recipe wants 8x12 px (stretch), the store holds 8x8 (stretch); kedro run --pipeline"
    )
    assert "data" not in given


def test_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="cannot train as asked") as error:
        choose_hardware(TrainingConfig(checkpoint_dir="x", device="gpu"))
    (case,) = error.value.cases
    assert case.startswith("training.device: 'gpu', but torch sees none; set 'auto' or 'cpu'")
