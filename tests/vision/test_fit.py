"""One fold, trained for real on little pictures."""

import shutil
from collections import Counter
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
from podium.vision.callbacks import HistoryRow
from podium.vision.classifier import Classifier
from podium.vision.distillation import Teacher
from podium.vision.fit import FittedFold, FoldData, MemberPlan, fit_fold
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec, find_epoch_size
from podium.vision.network import Network, build_network
from podium.vision.recipe import DistillationConfig, ProgressiveConfig, Recipe
from small_disk import SmallDisk

CPU = Hardware(accelerator="cpu", precision="32-true", num_workers=0)
SPEC = InputSpec(16, 16, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
N_CLASSES = 3


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    """Noisy pictures whose brightness tells the class, a third of them held out."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(9)
    labels = np.arange(60) % N_CLASSES
    names = [f"{i:02d}.png" for i in range(60)]
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 60, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    filled = fill_store(
        folder=root / "store" / SPEC.preparation, root=root, paths=names, spec=SPEC, max_pixels=10**6, n_jobs=1,
        progress=False,
    )  # fmt: skip
    store = ImageStore(root / "store" / SPEC.preparation)
    rows = store.rows_of(filled.table["sha256"])
    ones = np.ones(36, np.int64)
    return FoldData(store, rows[:36], labels[:36], ones, rows[36:54], labels[36:54], rows[54:], N_CLASSES)


def make_recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "tiny", "model": {"backbone": "test_resnet", "drop_rate": 0.2}, "input": {"size_px": (16, 16)},
            "batch_size": 8, "epochs": 4, "mixing": {"mixup_alpha": 0.2, "batch_share": 0.5}, **changes,
        }
    )  # fmt: skip


def make_plan(recipe: Recipe) -> MemberPlan:
    return MemberPlan(recipe, SPEC, resolve_policy("test", [{"HorizontalFlip": {"p": 0.5}}], (16, 16)), None)


def train(
    fold: FoldData, folder: Path, recipe: Recipe, rows: list[HistoryRow] | None = None, teachers: Any = ()
) -> FittedFold:
    on_epoch = (rows if rows is not None else []).append
    return fit_fold(make_plan(recipe), fold, 0, CPU, folder, on_epoch, teachers)


def same_weights(a: FittedFold, b: FittedFold) -> bool:
    return (
        all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights) and a.oof.tobytes() == b.oof.tobytes()
    )


@pytest.mark.parametrize(
    ("criterion", "column", "best"), [("macro_f1", "val_macro_f1", max), ("accuracy", "val_accuracy", max)]
)
def test_the_best_epoch_by_the_criterion_speaks_out_of_fold(
    fold: FoldData, tmp_path: Path, criterion: str, column: str, best: Any
) -> None:
    fitted = train(fold, tmp_path, make_recipe(criterion=criterion))
    truth, predicted = fold.validation_labels, fitted.oof.argmax(axis=1)
    score = f1_score(truth, predicted, average="macro") if criterion == "macro_f1" else accuracy_score(truth, predicted)
    assert score == pytest.approx(best(fitted.history[column]), abs=1e-6)
    assert fitted.history["epoch"].tolist() == [0, 1, 2, 3]
    assert fitted.oof.shape == (18, N_CLASSES)
    assert fitted.test.shape == (6, N_CLASSES)


def test_the_weights_alone_give_the_probabilities(fold: FoldData, tmp_path: Path) -> None:
    recipe = make_recipe(epochs=2)
    fitted = train(fold, tmp_path, recipe)
    model = build_network(recipe, SPEC, N_CLASSES).eval()
    model.load_state_dict(fitted.weights)
    pixels = torch.from_numpy(fold.store.read_rows(fold.validation_rows)).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = torch.softmax(model((pixels - 0.5) / 0.25), dim=1)
    assert fitted.oof == pytest.approx(expected.numpy(), abs=1e-5)


def test_training_twice_gives_the_same_bytes_and_another_seed_others(fold: FoldData, tmp_path: Path) -> None:
    first = train(fold, tmp_path / "a", make_recipe(epochs=2))
    torch.rand(7)  # what ran before in this process does not matter
    assert same_weights(first, train(fold, tmp_path / "b", make_recipe(epochs=2)))
    assert not same_weights(first, train(fold, tmp_path / "c", make_recipe(epochs=2, seed=43)))


class Crash(Exception):
    """The power that goes."""


def crash(fold: FoldData, folder: Path, recipe: Recipe, n_epochs_before: int) -> None:
    """Crash in the epoch after ``n_epochs_before``, before its checkpoint."""
    rows: list[HistoryRow] = []

    def on_epoch(row: HistoryRow) -> None:
        rows.append(row)
        if len(rows) > n_epochs_before:
            raise Crash

    with pytest.raises(Crash):
        fit_fold(make_plan(recipe), fold, 0, CPU, folder, on_epoch)


STATEFUL: dict[str, dict[str, Any]] = {
    "plain": {},
    "ema": {"averaging": {"name": "ema", "decay": 0.9}},
    "swa": {"averaging": {"name": "swa", "start_epoch": 1}},
    "accumulated and clipped": {"optimizer": {"accumulate": 2, "clip_norm": 0.5}},
    "plateau": {"schedule": {"name": "plateau", "patience_epochs": 0, "warmup_epochs": 0.5}, "criterion": "loss"},
    "restarts": {"schedule": {"name": "cosine_restarts", "cycle_epochs": 1.5, "cycle_decay": 0.5}},
    "melting": {"freezing": {"name": "melting", "thaw_epoch": 2}},
    "kept statistics": {"freezing": {"norm_statistics": True}},
    "oversampled": {"sampler": "oversample"},
    "lookahead adamp": {"optimizer": {"name": "lookahead_adamp"}},
    "arcface": {"head": {"name": "arcface"}},
    "heads an attribute, averaged": {"head": {"name": "per_attribute"}, "averaging": {"name": "ema", "decay": 0.9}},
    "growing, mixed": {"mixing": {"cutmix_alpha": 0.4}, "input": {"progressive": {"epochs": 2}}},
    "patient and adjusted": {"averaging": {"name": "ema"}, "early_stopping_epochs": 4, "prior_adjustment": 0.5},
}


@pytest.mark.parametrize("changes", STATEFUL.values(), ids=STATEFUL)
def test_going_on_from_a_checkpoint_again_and_again_gives_the_same_bytes_and_a_whole_history(
    fold: FoldData, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe = make_recipe(**changes)
    if recipe.head.name == "per_attribute":
        fold = replace(fold, class_values=np.array([[0, 0], [1, 0], [1, 1]]))
    undisturbed = train(fold, tmp_path / "undisturbed", recipe)
    for n_epochs_before in (1, 3):  # the second time it had gone on from the first checkpoint
        crash(fold, tmp_path / "crashed", recipe, n_epochs_before)
    seen_again: list[HistoryRow] = []
    resumed = train(fold, tmp_path / "crashed", recipe, seen_again)
    assert same_weights(undisturbed, resumed)
    assert [row["epoch"] for row in seen_again] == [0, 1, 2, 3], "earlier epochs are told again, once"
    columns = ["epoch", "train_loss", "val_loss", "val_macro_f1", "lr"]
    assert resumed.history[columns].equals(undisturbed.history[columns])


def test_averaged_weights_are_what_was_scored_and_what_is_kept(fold: FoldData, tmp_path: Path) -> None:
    recipe = make_recipe(averaging={"name": "ema", "decay": 0.9}, criterion="macro_f1")
    plain, averaged = train(fold, tmp_path / "a", make_recipe()), train(fold, tmp_path / "b", recipe)
    assert plain.weights.keys() == averaged.weights.keys()
    assert not same_weights(plain, averaged)
    assert plain.history["train_loss"].equals(averaged.history["train_loss"]), "averaging does not touch training"
    score = f1_score(fold.validation_labels, averaged.oof.argmax(axis=1), average="macro")
    assert score == pytest.approx(averaged.history["val_macro_f1"].max(), abs=1e-6)


def test_frozen_backbone_leaves_training_as_it_came(fold: FoldData, tmp_path: Path) -> None:
    torch.manual_seed(3)
    recipe = make_recipe(freezing={"name": "backbone"})
    start = build_network(recipe, SPEC, N_CLASSES)
    path = tmp_path / "start.pth"
    torch.save(start.backbone.state_dict(), path)
    fitted = fit_fold(replace(make_plan(recipe), starting_weights=path), fold, 0, CPU, tmp_path / "c", lambda row: None)
    trained = build_network(recipe, SPEC, N_CLASSES)
    trained.load_state_dict(fitted.weights)
    for (name, before), after in zip(
        start.backbone.state_dict().items(), trained.backbone.state_dict().values(), strict=True
    ):
        assert torch.equal(before, after), name
    assert any((value != 0).any() for name, value in trained.head.state_dict().items() if "weight" in name)


def test_student_comes_to_agree_with_its_teacher(fold: FoldData, tmp_path: Path) -> None:
    taught = make_recipe(mixing={}, epochs=8, optimizer={"lr": 3e-3})
    master = train(fold, tmp_path / "master", taught)
    network = build_network(taught, SPEC, N_CLASSES)
    network.load_state_dict(master.weights)
    misled = replace(fold, training_labels=(fold.training_labels + 1) % N_CLASSES)
    student = taught.model_copy(update={"distillation": DistillationConfig(teachers=("master",), share=1.0)})
    alone = train(misled, tmp_path / "alone", taught)
    learnt = train(misled, tmp_path / "learnt", student, teachers=[Teacher(network.eval(), SPEC)])
    agreement = (learnt.oof.argmax(axis=1) == master.oof.argmax(axis=1)).mean()
    assert agreement > 0.8
    assert agreement > (alone.oof.argmax(axis=1) == master.oof.argmax(axis=1)).mean()


def test_first_epochs_see_smaller_pictures(fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    forward = Network.forward

    def watch(self: Network, images: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
        if self.training:
            seen.append(tuple(images.shape[2:]))
        return forward(self, images, targets)

    monkeypatch.setattr(Network, "forward", watch)
    spec = InputSpec(64, 96, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert [find_epoch_size(spec, ProgressiveConfig(epochs=2, start_share=0.5), epoch) for epoch in range(4)] == [
        (32, 48), (48, 64), (64, 96), (64, 96),
    ]  # fmt: skip
    train(fold, tmp_path, make_recipe(epochs=2, input={"progressive": {"epochs": 1, "start_share": 0.5}}))
    assert set(seen) == {(16, 16)}, "never larger than the full size"


def test_interrupted_fold_goes_on_to_the_same_bytes_from_a_folder_that_was_moved(
    fold: FoldData, tmp_path: Path
) -> None:
    # the more it learns, the worse
    misled = replace(fold, training_labels=(fold.training_labels + 1) % N_CLASSES)
    recipe = make_recipe(criterion="loss", mixing={}, optimizer={"lr": 1e-2})
    undisturbed = train(misled, tmp_path / "undisturbed", recipe)
    assert undisturbed.history["val_loss"].idxmin() < 3, "the best epoch is one from before the move"
    crash(misled, tmp_path / "before" / "checkpoints", recipe, 3)
    shutil.move(tmp_path / "before", tmp_path / "옮긴 곳")
    assert same_weights(undisturbed, train(misled, tmp_path / "옮긴 곳" / "checkpoints", recipe))
    assert not (tmp_path / "before").exists()


def test_stopped_early_a_fold_stays_stopped_when_it_is_resumed(fold: FoldData, tmp_path: Path) -> None:
    recipe = make_recipe(epochs=30, early_stopping_epochs=1, optimizer={"lr": 1e-5})
    first = train(fold, tmp_path, recipe)
    assert len(first.history) < 30
    last_epochs = first.history["val_macro_f1"].tolist()
    assert last_epochs[-1] <= max(last_epochs[:-1])
    assert (tmp_path / "last.ckpt").exists(), "as if killed before the caller removed it"
    again = train(fold, tmp_path, recipe)
    assert same_weights(first, again)
    assert len(again.history) == len(first.history)


def test_validation_sees_true_labels_while_training_sees_shifted_ones(fold: FoldData, tmp_path: Path) -> None:
    shifted = replace(fold, training_labels=(fold.training_labels + 1) % N_CLASSES)
    recipe = make_recipe(epochs=12, mixing={}, optimizer={"lr": 3e-3}, criterion="loss")
    true = train(fold, tmp_path / "true", recipe.model_copy(update={"criterion": "macro_f1"}))
    wrong = train(shifted, tmp_path / "wrong", recipe)
    assert true.history["val_macro_f1"].max() > 0.7
    assert wrong.history["val_macro_f1"].iloc[-1] < 0.3, "a model that learnt shifted labels is wrong on true ones"


def test_checkpoints_are_read_without_unpickling(
    fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.parametrize("head", ["linear", "per_attribute"])
def test_no_step_reads_a_value_from_the_device(
    fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    """It would wait until the device has done all its work, and then the device for the next step."""
    place, n_read = "around", Counter[str]()

    def watch(method: str) -> Any:
        read = getattr(torch.Tensor, method)

        def count(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            n_read[place] += 1
            return read(self, *args, **kwargs)

        return count

    def begin(*args: Any) -> Any:
        nonlocal place
        place = "within"
        return training_step(*args)

    def end(*args: Any) -> None:
        nonlocal place
        on_train_batch_end(*args)
        place = "around"
        n_read["steps"] += 1

    for method in ("item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__"):
        monkeypatch.setattr(torch.Tensor, method, watch(method))
    training_step, on_train_batch_end = Classifier.training_step, Classifier.on_train_batch_end
    monkeypatch.setattr(Classifier, "training_step", begin)
    monkeypatch.setattr(Classifier, "on_train_batch_end", end)  # after the backward pass and the optimizer's step
    train(
        replace(fold, class_values=np.array([[0, 0], [0, 1], [1, 0]])), tmp_path,
        make_recipe(
            epochs=2, mixing={}, averaging={"name": "ema"}, head={"name": head}, optimizer={"layer_decay": 0.9},
            freezing={"norm_statistics": True},
        ),
    )  # fmt: skip
    assert n_read["steps"] == 2 * 5
    assert n_read["within"] == 0
    assert n_read["around"] > 0, "an epoch's end tells its scores"


def test_fresh_memory_is_not_filled(fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[bool] = []
    step = Classifier.training_step

    def watch(*args: Any) -> torch.Tensor:
        assert torch.are_deterministic_algorithms_enabled()
        filled.append(torch.utils.deterministic.fill_uninitialized_memory)
        return step(*args)

    monkeypatch.setattr(Classifier, "training_step", watch)
    train(fold, tmp_path, make_recipe(epochs=1))
    assert filled and not any(filled)


@pytest.mark.parametrize("changes", [{"precision": "bf16-mixed"}, {"channels_last": False}], ids=str)
def test_other_number_formats_and_memory_layouts_learn_too(
    fold: FoldData, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe = make_recipe(epochs=12, mixing={}, optimizer={"lr": 3e-3})
    fitted = fit_fold(make_plan(recipe), fold, 0, replace(CPU, **changes), tmp_path, lambda row: None)
    assert fitted.history["val_macro_f1"].max() > 0.6
    assert fitted.oof.sum(axis=1) == pytest.approx(np.ones(18), abs=1e-2)
    assert all(value.dtype != torch.bfloat16 for value in fitted.weights.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_trains_in_bf16(fold: FoldData, tmp_path: Path) -> None:
    gpu = Hardware(accelerator="gpu", precision="bf16-mixed", num_workers=2)
    fitted = fit_fold(make_plan(make_recipe(epochs=2)), fold, 0, gpu, tmp_path, lambda row: None)
    assert fitted.oof.sum(axis=1) == pytest.approx(np.ones(18), abs=1e-3)


def test_disk_that_fills_up_in_the_middle_costs_an_epoch_and_changes_no_byte(
    fold: FoldData, small_disk: SmallDisk, tmp_path: Path, atomic_writing: None
) -> None:
    recipe = make_recipe()
    undisturbed = train(fold, tmp_path / "undisturbed", recipe)
    folder = small_disk.mount(16_384) / "checkpoints"

    def fill_up(row: HistoryRow) -> None:
        if row["epoch"] == 2:
            small_disk.fill(leaving=1_000_000)

    with pytest.raises(OSError, match="No space left") as error:
        fit_fold(make_plan(recipe), fold, 0, CPU, folder, fill_up)
    assert Path(str(error.value.filename)).name in ("best.ckpt", "last.ckpt")
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt"], "nothing half-written"
    (small_disk.folder / "ballast").unlink()
    rows: list[HistoryRow] = []
    assert same_weights(train(fold, folder, recipe, rows), undisturbed)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
