"""Averaged weights, against torch by hand; statistics of batch norms, against torch's own way for averaged models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, log_loss
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from podium.errors import InputError
from podium.vision.augmentation import resolve_policy
from podium.vision.fit import FoldData, MemberPlan
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.network import Network, build_network
from podium.vision.recipe import Recipe
from podium.vision.soups import Ingredient, average_weights, choose_greedily, load_epoch, make_soup, measure, score_by

CPU = Hardware(accelerator="cpu", precision="32-true", num_workers=0)
SPEC = InputSpec(16, 16, "stretch", (0.5, 0.4, 0.3), (0.25, 0.2, 0.3))
N_CLASSES = 3


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    """Noise, brighter or darker by class; 17 images for training, so that full batches leave a rest of one."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    labels = np.arange(40) % N_CLASSES
    names = [f"{i:02d}.png" for i in range(40)]
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 40, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    folder = root / "store" / SPEC.preparation
    filled = fill_store(
        folder=folder, root=root, paths=names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False
    )  # fmt: skip
    store = ImageStore(folder)
    rows = store.rows_of(filled.table["sha256"])
    return FoldData(store, rows[:17], labels[:17], np.ones(17, np.int64), rows[17:35], labels[17:35], rows[35:], 3)


def make_plan(**changes: Any) -> MemberPlan:
    base = {
        "name": "수프", "model": {"backbone": "test_resnet"}, "input": {"size_px": (16, 16)}, "batch_size": 4,
        "soup": {"recipes": ["가", "나"]},
    }  # fmt: skip
    recipe = Recipe.model_validate({**base, **changes})
    return MemberPlan(recipe, SPEC, resolve_policy("test", [{"HorizontalFlip": {"p": 0.5}}], (16, 16)), None)


def list_norms(network: Network) -> dict[str, _BatchNorm]:
    return {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}


def draw_ingredient(
    name: str, seed: int, near: Ingredient | None = None, step: float = 0.05, **leaves: Any
) -> Ingredient:
    """Draw a network, or one a little way from another; its norms have seen as many batches as its seed says."""
    plan = make_plan(name=name, soup={}, **leaves)
    torch.manual_seed(seed)
    network = build_network(plan.recipe, plan.spec, N_CLASSES)
    tensors = {key: value.clone() for key, value in network.state_dict().items()}
    for key, value in (near.tensors if near else tensors).items():
        shift = step * torch.rand_like(value) if value.is_floating_point() and near and "adjustment" not in key else 0
        tensors[key] = value + shift if value.is_floating_point() else torch.full_like(value, seed)
    header = {"recipe": plan.recipe.model_dump(mode="json"), "input_spec": SPEC.to_dict(), "n_classes": N_CLASSES,
              "class_values": None}  # fmt: skip
    return Ingredient(name, tensors, header)


def keep_statistics(one: Ingredient, of: Ingredient) -> Ingredient:
    statistics = {key: value for key, value in of.tensors.items() if "running_" in key}
    return Ingredient(one.name, {**one.tensors, **statistics}, one.header)


def predict_by_hand(tensors: dict[str, Tensor], fold: FoldData, rows: Any, plan: MemberPlan) -> np.ndarray:
    """Load weights into a network of torch's own, and show it pictures that are normalised here."""
    network = build_network(plan.recipe, plan.spec, N_CLASSES)
    network.load_state_dict(tensors)
    pixels = torch.from_numpy(np.array(fold.store.read_rows(rows))).permute(0, 3, 1, 2) / 255
    normal = (pixels - torch.tensor(SPEC.mean).view(3, 1, 1)) / torch.tensor(SPEC.std).view(3, 1, 1)
    with torch.inference_mode():
        return torch.softmax(network.eval()(normal), dim=1).numpy()


def test_soup_of_a_network_with_itself_is_that_network(fold: FoldData) -> None:
    one, plan = draw_ingredient("가", 1), make_plan()
    soup = make_soup(plan, fold, 0, CPU, [one, one, one])
    assert soup.n_norms == 0
    for name, value in one.tensors.items():
        torch.testing.assert_close(soup.weights[name], value, rtol=1e-6, atol=1e-7)
    assert soup.oof == pytest.approx(predict_by_hand(one.tensors, fold, fold.validation_rows, plan), abs=1e-6)
    assert soup.test == pytest.approx(predict_by_hand(one.tensors, fold, fold.test_rows, plan), abs=1e-6)


def test_soup_of_two_predicts_as_torch_does_with_the_mean_of_their_weights(fold: FoldData) -> None:
    first = draw_ingredient("가", 1)
    second = keep_statistics(draw_ingredient("나", 2, near=first), of=first)
    plan = make_plan()
    soup = make_soup(plan, fold, 0, CPU, [first, second])
    mean = {
        name: (value + second.tensors[name]) / 2 if value.is_floating_point() else value
        for name, value in first.tensors.items()
    }
    oof = predict_by_hand(mean, fold, fold.validation_rows, plan)
    assert soup.oof == pytest.approx(oof, abs=1e-6)
    assert np.abs(oof - predict_by_hand(first.tensors, fold, fold.validation_rows, plan)).max() > 1e-4
    assert soup.kept == ["가", "나"]


def test_whole_numbers_are_kept_and_not_averaged() -> None:
    parts = [
        {"n": torch.tensor(3), "w": torch.tensor([1.0, 2.0])},
        {"n": torch.tensor(8), "w": torch.tensor([2.0, 4.0])},
    ]
    mean = average_weights(parts)
    assert mean["n"].dtype == torch.int64 and mean["n"].item() == 3
    assert mean["w"].dtype == torch.float32 and mean["w"].tolist() == [1.5, 3.0]
    mean["n"] += 1
    assert parts[0]["n"].item() == 3, "an average is a copy"


def test_statistics_that_differ_are_estimated_anew_as_torch_does_it(fold: FoldData) -> None:
    first = draw_ingredient("가", 1)
    second, plan = draw_ingredient("나", 2, near=first), make_plan()
    soup = make_soup(plan, fold, 0, CPU, [first, second])
    network = build_network(plan.recipe, plan.spec, N_CLASSES)
    network.load_state_dict(average_weights([first.tensors, second.tensors]))
    assert soup.n_norms == len(list_norms(network)) > 0
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (SPEC.mean, SPEC.std))
    batches = [(pixels.permute(0, 3, 1, 2) / 255 - mean) / std for pixels, _ in load_epoch(plan, fold, 0, CPU)]
    assert [len(batch) for batch in batches] == [4, 4, 4, 4], "a last batch of one has no variance"
    update_bn(batches, network)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(soup.weights[name], value, rtol=1e-4, atol=1e-5)


def test_statistics_that_all_networks_share_are_kept(fold: FoldData) -> None:
    first = draw_ingredient("가", 1)
    second = keep_statistics(draw_ingredient("나", 2, near=first), of=first)
    soup = make_soup(make_plan(), fold, 0, CPU, [first, second])
    kept = {name for name in first.tensors if "running_" in name or "num_batches" in name}
    assert soup.n_norms == 0 and kept
    assert all(torch.equal(soup.weights[name], first.tensors[name]) for name in kept)


def test_prior_and_views_are_those_of_the_soup(fold: FoldData) -> None:
    one = draw_ingredient("가", 1)
    plain = make_soup(make_plan(), fold, 0, CPU, [one])
    adjusted = make_soup(make_plan(prior_adjustment=1.0), fold, 0, CPU, [one])
    shares = np.bincount(fold.training_labels) / len(fold.training_labels)
    expected = plain.oof / shares
    assert adjusted.oof == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)
    seen = make_soup(make_plan(test_time_views=["none", "vertical"]), fold, 0, CPU, [one])
    assert np.abs(seen.oof - plain.oof).max() > 1e-5


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy", "loss"])
def test_greedy_soup_never_scores_below_its_best_member(fold: FoldData, criterion: Any) -> None:
    first = draw_ingredient("가", 1)
    others = [draw_ingredient(name, seed, near=first, step=step)
              for name, seed, step in (("나", 2, 0.02), ("다", 3, 0.1), ("라", 4, 1.0))]  # fmt: skip
    plan = make_plan(criterion=criterion, soup={"recipes": ["a"], "how": "greedy"})
    soup = make_soup(plan, fold, 0, CPU, [*others, first])
    reached = score_by(criterion, fold.validation_labels, soup.oof)
    assert reached >= max(soup.scores.values())
    assert soup.kept[0] == max(soup.scores, key=lambda name: soup.scores[name])
    assert set(soup.scores) == {"가", "나", "다", "라"}


def test_greedy_choice_goes_best_first_and_keeps_what_does_not_hurt() -> None:
    names = ["가", "나", "다", "라"]
    of_soups = {"나": 0.8, "나라": 0.7, "나가": 0.8, "나가다": 0.9}
    tried = []

    def score(chosen: Any) -> float:
        tried.append("".join(one.name for one in chosen))
        return of_soups[tried[-1]]

    ingredients = [Ingredient(name, {}, {}) for name in names]
    kept = choose_greedily(ingredients, [0.5, 0.8, 0.3, 0.6], score)
    assert [one.name for one in kept] == ["나", "가", "다"]
    assert tried == ["나라", "나가", "나가다"]


def test_networks_that_differ_are_refused_with_every_difference_and_both_values(fold: FoldData) -> None:
    one = draw_ingredient("가-1", 1)
    other = draw_ingredient("나-2", 2, model={"backbone": "test_resnet.r160_in1k"}, head={"name": "shallow"})
    other.header["n_classes"] = 5
    other.header["input_spec"] = InputSpec(16, 24, "pad", SPEC.mean, SPEC.std).to_dict()
    with pytest.raises(InputError, match="Recipe '수프' cannot average networks that differ") as error:
        make_soup(make_plan(), fold, 0, CPU, [one, other])
    assert error.value.cases == [
        "나-2: model.backbone is 'test_resnet.r160_in1k', the soup's 'test_resnet'",
        "나-2: head.name is 'shallow', the soup's 'linear'",
        "나-2: input.width_px is 24, the soup's 16",
        "나-2: input.resize is 'pad', the soup's 'stretch'",
        "나-2: number of classes is 5, the soup's 3",
    ]


def test_weights_of_other_names_or_shapes_are_refused(fold: FoldData) -> None:
    one, other = draw_ingredient("가-1", 1), draw_ingredient("나-2", 2)
    other.tensors["backbone.new"] = torch.ones(2)
    other.tensors["adjustment"] = torch.zeros(4)
    with pytest.raises(InputError) as error:
        make_soup(make_plan(), fold, 0, CPU, [one, other])
    assert error.value.cases == [
        "나-2: adjustment is (4,), that of 가-1 (3,)",
        "나-2: backbone.new is (2,), that of 가-1 missing",
    ]


def test_soup_worse_than_each_of_its_members_is_warned_of(
    fold: FoldData, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([-1.0, -1.5, -2.0, -1.0, -1.5, -1.2])
    monkeypatch.setattr("podium.vision.soups.score_by", lambda *_: next(values))
    pair = [draw_ingredient("가", 1), draw_ingredient("나", 2)]
    make_soup(make_plan(), fold, 0, CPU, pair)
    assert "do not lie near each other" in caplog.text
    caplog.clear()
    make_soup(make_plan(), fold, 0, CPU, pair)
    assert "do not lie near each other" not in caplog.text


def test_scores_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1, 1, 1], 50).astype(np.float32)
    labels = rng.integers(0, 3, 50)
    scores, predicted = measure(labels, probabilities), probabilities.argmax(axis=1)
    exact = probabilities.astype(np.float64)
    assert scores["val_macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert scores["val_accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert scores["val_loss"] == pytest.approx(log_loss(labels, exact / exact.sum(axis=1, keepdims=True)), abs=1e-6)
    assert score_by("loss", labels, probabilities) == -scores["val_loss"]
    assert score_by("macro_f1", labels, probabilities) == scores["val_macro_f1"]


def test_soup_does_not_depend_on_the_number_of_workers(fold: FoldData) -> None:
    first = draw_ingredient("가", 1)
    pair = [first, draw_ingredient("나", 2, near=first)]
    alone = make_soup(make_plan(), fold, 0, CPU, pair)
    helped = make_soup(make_plan(), fold, 0, Hardware("cpu", "32-true", 2), pair)
    assert all(torch.equal(value, helped.weights[name]) for name, value in alone.weights.items())


def test_file_of_a_soup_needs_no_folder_of_starting_weights(tmp_path: Path) -> None:
    from podium.vision.feasibility import require_feasible

    leaves = {"model": {"backbone": "test_resnet", "pretrained": tmp_path / "missing.pth"}}
    assert require_feasible(make_plan(**leaves).recipe, tmp_path)[1] is None
    with pytest.raises(InputError):
        require_feasible(make_plan(**leaves, soup={}).recipe, tmp_path)
