"""Soups: the weights of finished members of one architecture, averaged (Wortsman et al., 2022, "Model soups").

A soup costs no more than one of its members when it predicts. It is good only where its networks lie in one valley of
the loss, as those do that started from the same weights and did not go far.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.errors import raise_if_any
from podium.vision import metrics
from podium.vision.batches import AugmentedBatches, BatchPlan, load_training_batches
from podium.vision.fit import FoldData, MemberPlan
from podium.vision.hardware import Hardware
from podium.vision.input_spec import InputSpec
from podium.vision.micro_batches import PREDICTED_AT_ONCE
from podium.vision.network import Network, Normalize, adjust_to_prior, build_network, to_float
from podium.vision.predict import Probabilities, predict_probabilities
from podium.vision.recipe import Criterion, Recipe
from podium.vision.seeds import derive_seed

logger = logging.getLogger(__name__)

Tensors = dict[str, Tensor]
_STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Ingredient:
    """One fold of a finished member.

    Attributes:
        name: The member.
        tensors: Its weights, by name.
        header: recipe, input_spec, n_classes and class_values (or None).
    """

    name: str
    tensors: Tensors
    header: dict[str, Any]


@dataclass(frozen=True)
class Soup:
    """What one fold of a soup leaves behind.

    Attributes:
        weights: The average.
        kept: Members that are in it, in the order in which they went in.
        scores: By member, its own score on the held-out images; larger is better, so that a loss is negative.
        n_norms: Batch norms whose statistics were estimated anew.
        oof: Probabilities of the validation images, float32 (n_validation, n_classes).
        test: Probabilities of the test images, float32 (n_test, n_classes).
    """

    weights: Tensors
    kept: list[str]
    scores: dict[str, float]
    n_norms: int
    oof: Probabilities
    test: Probabilities


def make_soup(
    plan: MemberPlan, data: FoldData, fold: int, hardware: Hardware, ingredients: Sequence[Ingredient]
) -> Soup:
    """Average the weights of one fold's networks, and predict the held-out fold and the test part with the average.

    Views, prior adjustment and criterion are those of the soup's recipe, also where a network is scored alone.

    Args:
        plan: The soup's recipe, input and policy; nothing is trained.
        data: Images and labels of this fold.
        fold: Number of the fold, mixed into the seed.
        hardware: Device, precision, workers.
        ingredients: This fold of the members that the recipe averages, in its order; at least one.

    Raises:
        InputError: The networks have not one architecture; every difference is listed.
    """
    recipe = plan.recipe
    require_one_architecture(plan, data, ingredients)
    if hardware.num_threads is not None:
        torch.set_num_threads(hardware.num_threads)
    batches = load_epoch(plan, data, fold, hardware)

    def predict(network: Network, rows: npt.NDArray[np.int64]) -> Probabilities:
        model = _Seeing(network, plan.spec, hardware.channels_last)
        return predict_probabilities(
            model, data.store, rows, recipe.test_time_views, data.n_classes,
            PREDICTED_AT_ONCE * hardware.count_at_once(recipe.batch_size), hardware.device, hardware.dtype,
        )  # fmt: skip

    def score(chosen: Sequence[Ingredient]) -> float:
        oof = predict(stir(plan, data, batches, hardware, chosen)[0], data.validation_rows)
        return score_by(recipe.criterion, data.validation_labels, oof)

    alone = [score([one]) for one in ingredients]
    kept = choose_greedily(ingredients, alone, score) if recipe.soup.how == "greedy" else list(ingredients)
    network, n_norms = stir(plan, data, batches, hardware, kept)
    oof, test = predict(network, data.validation_rows), predict(network, data.test_rows)
    scores = {one.name: value for one, value in zip(ingredients, alone, strict=True)}
    _tell(recipe, kept, scores, score_by(recipe.criterion, data.validation_labels, oof))
    weights = {name: value.cpu() for name, value in network.state_dict().items()}
    return Soup(weights, [one.name for one in kept], scores, n_norms, oof, test)


def require_one_architecture(plan: MemberPlan, data: FoldData, ingredients: Sequence[Ingredient]) -> None:
    """Refuse networks of another architecture, head, input or number of classes than the soup's recipe.

    Raises:
        InputError: Every difference is listed with both values.
    """
    values = None if data.class_values is None else data.class_values.tolist()
    wanted = _describe(plan.recipe, plan.spec, data.n_classes, values)
    cases = []
    for one in ingredients:
        spec = InputSpec.from_dict(one.header["input_spec"])
        recipe = Recipe.model_validate(one.header["recipe"])
        found = _describe(recipe, spec, one.header["n_classes"], one.header["class_values"])
        cases += [
            f"{one.name}: {key} is {found[key]!r}, the soup's {value!r}"
            for key, value in wanted.items()
            if found[key] != value
        ]
        cases += [] if cases else _compare_shapes(ingredients[0], one)
    raise_if_any(f"Recipe '{plan.recipe.name}' cannot average networks that differ:", cases)


def average_weights(parts: Sequence[Tensors]) -> Tensors:
    """Average weights of the same names and shapes.

    Args:
        parts: At least one.

    Returns:
        By name, the mean, computed in double precision; of whole numbers, which count and have no mean, the first
        part's.
    """
    return {
        name: torch.stack([part[name].double() for part in parts]).mean(dim=0).to(value.dtype)
        if value.is_floating_point()
        else value.clone()
        for name, value in parts[0].items()
    }


def load_epoch(plan: MemberPlan, data: FoldData, fold: int, hardware: Hardware) -> Iterable[tuple[Tensor, Tensor]]:
    """Draw an epoch as the soup's recipe would be trained on: its sampler, variants and policy; always the same one."""
    recipe = plan.recipe
    seed = derive_seed(recipe.seed, fold)
    drawn = BatchPlan(recipe.sampler, data.training_labels, data.n_variants, recipe.batch_size, seed)
    augmented = AugmentedBatches(data.store, data.train_rows, data.training_labels, plan.policy)
    return load_training_batches(augmented, drawn, hardware.num_workers, hardware.accelerator == "gpu")


def stir(
    plan: MemberPlan,
    data: FoldData,
    batches: Iterable[tuple[Tensor, Tensor]],
    hardware: Hardware,
    chosen: Sequence[Ingredient],
) -> tuple[Network, int]:
    """Make the network of averaged weights, ready to predict.

    What a batch norm has seen of its input belongs to the weights before it, so the mean of several networks' running
    means and variances is not what the averaged network would see. Where the networks' statistics differ, they are
    estimated anew, on an epoch of training batches: pictures as stored, without sampler and policy, are not what the
    weights were trained on, and make even a single network worse. Where all networks have the same statistics, as
    those that were kept fixed in training do, they stay: the weights behind them have learnt to live with them.

    Args:
        plan: The soup's recipe and input.
        data: The fold.
        batches: Of training; pixels are uint8 (batch, height, width, 3), labels are not looked at.
        hardware: Device and precision.
        chosen: At least one; the weights of one alone are left as they are.

    Returns:
        The network in evaluation mode, and how many batch norms were estimated anew.
    """
    network = build_network(plan.recipe, plan.spec, data.n_classes, data.class_values)
    network.load_state_dict(average_weights([one.tensors for one in chosen]))
    if hardware.channels_last:  # as its input lies: convolutions would turn one of the two round each time
        network = network.to(memory_format=torch.channels_last)
    class_counts = np.bincount(data.training_labels, minlength=data.n_classes)
    adjust_to_prior(network, plan.recipe.prior_adjustment, class_counts)
    norms = list_differing_norms(network, [one.tensors for one in chosen])
    if norms:
        estimate_norms(network, norms, (pixels for pixels, _ in batches), plan.spec, hardware)
    return network.eval(), len(norms)


def list_differing_norms(network: nn.Module, parts: Sequence[Tensors]) -> list[_BatchNorm]:
    """List the batch norms whose running statistics are not the same in all parts."""
    return [
        module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm)
        and module.track_running_stats
        and any(
            not torch.equal(part[f"{name}.{key}"], parts[0][f"{name}.{key}"]) for part in parts for key in _STATISTICS
        )
    ]


@torch.no_grad()
def estimate_norms(
    network: Network, norms: Sequence[_BatchNorm], batches: Iterable[Tensor], spec: InputSpec, hardware: Hardware
) -> None:
    """Replace the running statistics of batch norms by the mean over batches, everything else as in prediction.

    Args:
        network: Holds ``norms``.
        norms: Whose statistics are forgotten and estimated anew.
        batches: uint8 (batch, height, width, 3), of at least two images each.
        spec: Input of the network.
        hardware: Device and precision.
    """
    model = _Seeing(network, spec, hardware.channels_last).to(hardware.device).eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.training = True  # not train(): timm's batch norms hold other layers
    for pixels in batches:
        with torch.autocast(hardware.device.type, hardware.dtype, enabled=hardware.dtype is not torch.float32):
            model(pixels.to(hardware.device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum, norm.training = momentum, False


def choose_greedily(
    ingredients: Sequence[Ingredient], scores: Sequence[float], score: Callable[[Sequence[Ingredient]], float]
) -> list[Ingredient]:
    """Choose members for a greedy soup (Wortsman et al., 2022, recipe 1).

    Args:
        ingredients: At least one.
        scores: Of each alone; larger is better.
        score: Of the soup of several.

    Returns:
        The best, and each of the others, best first, with which the soup's score did not fall; among equals the one
        named first comes first.
    """
    order = np.argsort([-value for value in scores], kind="stable")
    kept, reached = [ingredients[order[0]]], scores[order[0]]
    for number in order[1:]:
        tried = [*kept, ingredients[number]]
        if (value := score(tried)) >= reached:
            kept, reached = tried, value
    return kept


def measure(labels: npt.NDArray[np.int64], probabilities: Probabilities) -> dict[str, float]:
    """Score probabilities on true labels: val_loss (cross entropy, in nats), val_macro_f1 and val_accuracy."""
    confusion = metrics.count_confusion(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    chances = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "val_loss": float(-np.log(np.maximum(chances, np.finfo(np.float32).tiny)).mean()),
        "val_macro_f1": metrics.macro_f1(confusion),
        "val_accuracy": metrics.accuracy(confusion),
    }


def score_by(criterion: Criterion, labels: npt.NDArray[np.int64], probabilities: Probabilities) -> float:
    """Score probabilities by a recipe's criterion; larger is better, so that a loss is negative."""
    value = measure(labels, probabilities)[f"val_{criterion}"]
    return -value if criterion == "loss" else value


class _Seeing(nn.Module):
    """A network that takes pixels: uint8 (batch, height, width, 3) to logits (batch, n_classes)."""

    def __init__(self, network: Network, spec: InputSpec, channels_last: bool):
        super().__init__()
        self.network = network
        self.normalize = Normalize(spec, channels_last)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(self.normalize(to_float(images)))
        return logits


def _describe(recipe: Recipe, spec: InputSpec, n_classes: int, class_values: Any) -> dict[str, Any]:
    """Say by key what networks have to share; the input is the resolved one, the backbone's own where none is asked."""
    asked = {key: value for key, value in recipe.architecture.items() if not key.startswith("input.")}
    shown = {f"input.{key}": value for key, value in spec.to_dict().items()}
    return {**asked, **shown, "number of classes": n_classes, "values of the classes' attributes": class_values}


def _compare_shapes(first: Ingredient, other: Ingredient) -> list[str]:
    """List weights that one of two members lacks, or has in another shape."""
    ours, theirs = ({name: tuple(value.shape) for name, value in one.tensors.items()} for one in (first, other))
    return [
        f"{other.name}: {name} is {theirs.get(name, 'missing')}, that of {first.name} {ours.get(name, 'missing')}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


def _tell(recipe: Recipe, kept: Sequence[Ingredient], scores: dict[str, float], reached: float) -> None:
    """Log what went in and what came out, and warn where the networks do not lie near each other."""
    alone = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    names = ", ".join(one.name for one in kept)
    logger.info("%s soup of %s: %s %.4f on held-out images; alone: %s", recipe.soup.how, names, recipe.criterion,
                reached, alone)  # fmt: skip
    if reached < min(scores.values()):
        logger.warning(
            "the soup is worse than each of its members alone: their weights do not lie near each other, as those of "
            "networks do that started from the same weights and went not far"
        )
