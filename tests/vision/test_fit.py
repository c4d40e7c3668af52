"""One fold, trained for real on little pictures."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score

from podium.vision import fit
from podium.vision.augmentation import resolve_policy
from podium.vision.backbones import InputSpec, build_model
from podium.vision.callbacks import HistoryRow
from podium.vision.fit import FittedFold, FoldData, Hardware, fit_fold
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.recipe import Recipe

CPU = Hardware(accelerator="cpu", precision="32-true", num_workers=0, progress=False)
SPEC = InputSpec(16, 16, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
N_CLASSES = 3


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageStore, FoldData]:
    """Noisy pictures whose brightness tells the class, a third of them held out."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(9)
    labels = np.arange(60) % N_CLASSES
    names = [f"{i:02d}.png" for i in range(60)]
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 60, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    filled = fill_store(
        folder=root / "store", root=root, paths=names, size_px=(16, 16), resize="stretch", max_pixels=10**6, n_jobs=1,
        progress=False,
    )  # fmt: skip
    store = ImageStore(root / "store")
    rows = store.rows_of(filled.table["sha256"])
    data = FoldData(rows[:36], labels[:36], np.ones(36, np.int64), rows[36:54], labels[36:54], rows[54:], N_CLASSES)
    return store, data


def make_recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "tiny", "model": {"backbone": "test_resnet", "drop_rate": 0.2}, "input": {"size_px": (16, 16)},
            "batch_size": 8, "epochs": 4, "mixing": {"mixup_alpha": 0.2, "batch_share": 0.5}, **changes,
        }
    )  # fmt: skip


def train(
    fold: tuple[ImageStore, FoldData], folder: Path, recipe: Recipe, rows: list[HistoryRow] | None = None
) -> FittedFold:
    policy = resolve_policy("test", [{"HorizontalFlip": {"p": 0.5}}], (16, 16))
    on_epoch = (rows if rows is not None else []).append
    return fit_fold(recipe, SPEC, policy, fold[0], fold[1], 0, CPU, folder, on_epoch)


def same_weights(a: FittedFold, b: FittedFold) -> bool:
    return (
        all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights) and a.oof.tobytes() == b.oof.tobytes()
    )


@pytest.mark.parametrize(
    ("criterion", "column", "best"), [("macro_f1", "val_macro_f1", max), ("accuracy", "val_accuracy", max)]
)
def test_the_best_epoch_by_the_criterion_speaks_out_of_fold(
    fold: tuple[ImageStore, FoldData], tmp_path: Path, criterion: str, column: str, best: Any
) -> None:
    fitted = train(fold, tmp_path, make_recipe(criterion=criterion))
    truth, predicted = fold[1].validation_labels, fitted.oof.argmax(axis=1)
    score = f1_score(truth, predicted, average="macro") if criterion == "macro_f1" else accuracy_score(truth, predicted)
    assert score == pytest.approx(best(fitted.history[column]), abs=1e-6)
    assert fitted.history["epoch"].tolist() == [0, 1, 2, 3]
    assert fitted.oof.shape == (18, N_CLASSES)
    assert fitted.test.shape == (6, N_CLASSES)


def test_the_weights_alone_give_the_probabilities(fold: tuple[ImageStore, FoldData], tmp_path: Path) -> None:
    recipe = make_recipe(epochs=2)
    fitted = train(fold, tmp_path, recipe)
    model = build_model(recipe.model, N_CLASSES, load_weights=False).eval()
    model.load_state_dict(fitted.weights)
    pixels = torch.from_numpy(np.asarray(fold[0].pixels[fold[1].validation_rows])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = torch.softmax(model((pixels - 0.5) / 0.25), dim=1)
    assert fitted.oof == pytest.approx(expected.numpy(), abs=1e-5)


def test_training_twice_gives_the_same_bytes_and_another_seed_others(
    fold: tuple[ImageStore, FoldData], tmp_path: Path
) -> None:
    first = train(fold, tmp_path / "a", make_recipe(epochs=2))
    torch.rand(7)  # what ran before in this process does not matter
    assert same_weights(first, train(fold, tmp_path / "b", make_recipe(epochs=2)))
    assert not same_weights(first, train(fold, tmp_path / "c", make_recipe(epochs=2, seed=43)))


class Crash(Exception):
    """The power that goes."""


def crash(fold: tuple[ImageStore, FoldData], folder: Path, recipe: Recipe, n_epochs_before: int) -> None:
    """Crash in the epoch after ``n_epochs_before``, before its checkpoint."""
    rows: list[HistoryRow] = []

    def on_epoch(row: HistoryRow) -> None:
        rows.append(row)
        if len(rows) > n_epochs_before:
            raise Crash

    policy = resolve_policy("test", [{"HorizontalFlip": {"p": 0.5}}], (16, 16))
    with pytest.raises(Crash):
        fit_fold(recipe, SPEC, policy, fold[0], fold[1], 0, CPU, folder, on_epoch)


@pytest.mark.parametrize("n_epochs_before", [1, 3])
def test_going_on_from_a_checkpoint_gives_the_same_bytes_and_a_whole_history(
    fold: tuple[ImageStore, FoldData], tmp_path: Path, n_epochs_before: int
) -> None:
    undisturbed = train(fold, tmp_path / "undisturbed", make_recipe())
    crash(fold, tmp_path / "crashed", make_recipe(), n_epochs_before)
    seen_again: list[HistoryRow] = []
    resumed = train(fold, tmp_path / "crashed", make_recipe(), seen_again)
    assert same_weights(undisturbed, resumed)
    assert [row["epoch"] for row in seen_again] == [0, 1, 2, 3], "earlier epochs are told again, once"
    columns = ["epoch", "train_loss", "val_loss", "val_macro_f1", "lr"]
    assert resumed.history[columns].equals(undisturbed.history[columns])


def test_interrupted_fold_goes_on_to_the_same_bytes_from_a_folder_that_was_moved(
    fold: tuple[ImageStore, FoldData], tmp_path: Path
) -> None:
    store, data = fold
    misled = (
        store,
        replace(data, training_labels=(data.training_labels + 1) % N_CLASSES),
    )  # the more it learns, the worse
    recipe = make_recipe(criterion="loss", mixing={}, optimizer={"lr": 1e-2})
    undisturbed = train(misled, tmp_path / "undisturbed", recipe)
    assert undisturbed.history["val_loss"].idxmin() < 3, "the best epoch is one from before the move"
    crash(misled, tmp_path / "before" / "checkpoints", recipe, 3)
    shutil.move(tmp_path / "before", tmp_path / "옮긴 곳")
    assert same_weights(undisturbed, train(misled, tmp_path / "옮긴 곳" / "checkpoints", recipe))
    assert not (tmp_path / "before").exists()


def test_stopped_early_a_fold_stays_stopped_when_it_is_resumed(
    fold: tuple[ImageStore, FoldData], tmp_path: Path
) -> None:
    recipe = make_recipe(epochs=30, early_stopping_epochs=1, optimizer={"lr": 1e-5})
    first = train(fold, tmp_path, recipe)
    assert len(first.history) < 30
    last_epochs = first.history["val_macro_f1"].tolist()
    assert last_epochs[-1] <= max(last_epochs[:-1])
    assert (tmp_path / "last.ckpt").exists(), "as if killed before the caller removed it"
    again = train(fold, tmp_path, recipe)
    assert same_weights(first, again)
    assert len(again.history) == len(first.history)


def test_validation_sees_true_labels_while_training_sees_shifted_ones(
    fold: tuple[ImageStore, FoldData], tmp_path: Path
) -> None:
    store, data = fold
    shifted = FoldData(
        data.train_rows, (data.training_labels + 1) % N_CLASSES, data.n_variants, data.validation_rows,
        data.validation_labels, data.test_rows, N_CLASSES,
    )  # fmt: skip
    recipe = make_recipe(epochs=12, mixing={}, optimizer={"lr": 3e-3}, criterion="loss")
    true = train((store, data), tmp_path / "true", recipe.model_copy(update={"criterion": "macro_f1"}))
    wrong = train((store, shifted), tmp_path / "wrong", recipe)
    assert true.history["val_macro_f1"].max() > 0.7
    assert wrong.history["val_macro_f1"].iloc[-1] < 0.3, "a model that learnt shifted labels is wrong on true ones"


def test_checkpoints_are_read_without_unpickling(
    fold: tuple[ImageStore, FoldData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bool | None] = []
    load = torch.load

    def watch(*args: Any, **kwargs: Any) -> Any:
        loaded.append(kwargs.get("weights_only"))
        return load(*args, **kwargs)

    monkeypatch.setattr(fit.torch, "load", watch)
    recipe = make_recipe(epochs=2)
    train(fold, tmp_path, recipe)
    train(fold, tmp_path, recipe)
    assert len(loaded) >= 3
    assert all(loaded)
    shutil.rmtree(tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_trains_in_bf16(fold: tuple[ImageStore, FoldData], tmp_path: Path) -> None:
    policy = resolve_policy("test", [{"HorizontalFlip": {"p": 0.5}}], (16, 16))
    gpu = Hardware(accelerator="gpu", precision="bf16-mixed", num_workers=2, progress=False)
    fitted = fit_fold(make_recipe(epochs=2), SPEC, policy, fold[0], fold[1], 0, gpu, tmp_path, lambda row: None)
    assert fitted.oof.sum(axis=1) == pytest.approx(np.ones(18), abs=1e-3)
