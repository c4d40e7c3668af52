"""Where in a picture a network finds what speaks for a class."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from podium.errors import InputError
from podium.vision.batches import Rows
from podium.vision.heads import PerAttributeHead
from podium.vision.network import Network, Normalize, load_network, to_float

HeatMaps = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]

_PROBE_SEED = 0


@dataclass(frozen=True)
class Grid:
    """How the output of a layer lies over a picture.

    Attributes:
        height, width: Number of cells.
        n_channels: Numbers a cell.
        to_cells: Maps the output, (batch, …), to (batch, height, width, n_channels).
    """

    height: int
    width: int
    n_channels: int
    to_cells: Callable[[Tensor], Tensor] = field(compare=False)


def compute_heat_maps(
    weights: dict[str, Any], pixels: Pixels, targets: Rows, device: torch.device, batch_size: int
) -> HeatMaps:
    """Compute Grad-CAM (Selvaraju et al., 2017, "Grad-CAM: Visual Explanations from Deep Networks", equations 1 and 2).

    The last features that still lie over the picture are weighed by the mean gradient that the class's logit has in
    each channel, summed over the channels, and cut off below 0. Where the features end in a mean and a linear layer,
    that is CAM (Zhou et al., 2016, "Learning Deep Features for Discriminative Localization"). The logit of a class of a
    head an attribute is the sum of its values' logits.

    Args:
        weights: ``tensors`` by name and ``header``, as :class:`podium.datasets.weights.WeightsDataset` loads them.
        pixels: uint8 (n, height, width, 3), prepared for the network: rows of its image store.
        targets: The class that is asked about, of each picture, int64 (n,).
        device: Where to compute.
        batch_size: Pictures at a time; it changes nothing but memory and time.

    Returns:
        uint8 (n, h, w), as many cells as the features have: 0 is no support for the class, 255 the most within the
        picture, so two pictures' maps say nothing about which has more. A picture where nothing supports the class has
        zeros everywhere.

    Raises:
        InputError: No layer of the backbone has an output that lies over the picture.
        ValueError: The pictures are not of the network's size, or there are not as many targets.
    """
    network, spec = load_network(weights["tensors"], weights["header"])
    if pixels.shape != (len(targets), *spec.size_px, 3):
        raise ValueError(f"pixels {pixels.shape} are not {len(targets)} pictures of {spec.size_px} px in 3 channels")
    network = network.to(device)
    normalize = Normalize(spec).to(device)
    layer, grid = find_last_grid(network.backbone, spec.size_px)
    network.requires_grad_(False)  # so that only what comes behind the layer is differentiated
    maps = np.zeros((len(pixels), grid.height, grid.width), dtype=np.uint8)
    for start in range(0, len(pixels), batch_size):
        part = slice(start, start + batch_size)
        images = normalize(to_float(torch.from_numpy(pixels[part]).to(device)))
        labels = torch.from_numpy(targets[part].astype(np.int64)).to(device)
        maps[part] = _scale(compute_support(network, layer, grid, images, labels)).cpu().numpy()
    return maps


def find_last_grid(backbone: nn.Module, size_px: tuple[int, int]) -> tuple[nn.Module, Grid]:
    """Find the last layer whose output lies over the picture and takes part in the features.

    Found by running two pictures of noise, as no library says it for all of its networks. Outputs may be maps, with
    channels first or last, or tokens, with others (class, registers) before those of the picture. In the last block of
    a transformer that reads its class token alone, what becomes of the other tokens is thrown away: there it is the
    last layer, as wide as the block, by which they still reach that token.

    Args:
        backbone: Maps float32 (batch, 3, height, width) to features (batch, n_features); in evaluation mode.
        size_px: Height and width of pictures.

    Raises:
        InputError: There is none.
    """
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    images = torch.randn(2, 3, *size_px, generator=generator).to(next(backbone.parameters()))
    with torch.enable_grad():
        features, outputs = _record_outputs(backbone, images.requires_grad_())
        # Of drawn weights, since the plain sum of normalised features is the same for every picture.
        mixture = features @ torch.randn(features.shape[1], generator=generator).to(features)
        found = [(module, output, _lay_out(output, size_px)) for module, output in outputs]
        spatial = [(module, output, grid) for module, output, grid in found if grid is not None]
        # The pictures themselves are the last resort of a list that must not be empty, and no layer's output.
        inputs = [images, *(output for _, output, _ in spatial)]
        _, *gradients = torch.autograd.grad(mixture.sum(), inputs, allow_unused=True)
    for (module, _, grid), gradient in zip(reversed(spatial), reversed(gradients), strict=True):
        is_as_wide = grid.n_channels == spatial[-1][2].n_channels
        if is_as_wide and gradient is not None and grid.to_cells(gradient).any():
            return module, grid
    raise InputError(
        "The backbone has no heat maps:",
        [f"{type(backbone).__name__}: no layer's output lies over a picture of {size_px[0]}x{size_px[1]} px"],
    )


def compute_support(network: Network, layer: nn.Module, grid: Grid, images: Tensor, targets: Tensor) -> Tensor:
    """Compute Grad-CAM of one batch.

    Args:
        network: In evaluation mode.
        layer: Of its backbone, with its grid; see :func:`find_last_grid`.
        grid: How the layer's output lies over the pictures.
        images: Normalised, float32 (batch, 3, height, width).
        targets: int64 (batch,).

    Returns:
        What supports each picture's class, float (batch, grid.height, grid.width), 0 or more.
    """
    held: list[Tensor] = []

    def begin_here(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        held.append(output.detach().requires_grad_())
        return held[0].clone()  # what comes next may write over its input

    hook = layer.register_forward_hook(begin_here)
    try:
        with torch.enable_grad():
            scores = _score_classes(network.head, network.backbone(images))
            chosen = scores.gather(1, targets[:, None]).sum()
            (gradients,) = torch.autograd.grad(chosen, held)
    finally:
        hook.remove()
    features, weights = grid.to_cells(held[0].detach()), grid.to_cells(gradients).mean(dim=(1, 2), keepdim=True)
    return (features * weights).sum(dim=3).relu()


def _record_outputs(backbone: nn.Module, images: Tensor) -> tuple[Tensor, list[tuple[nn.Module, Tensor]]]:
    """Run a backbone; return its features, and of each module that ran just once its output, in order of their ends."""
    outputs: list[tuple[nn.Module, Tensor]] = []
    n_runs: Counter[nn.Module] = Counter()

    def record(module: nn.Module, _: Any, output: Any) -> None:
        n_runs[module] += 1
        if isinstance(output, Tensor) and output.requires_grad:
            outputs.append((module, output))

    hooks = [module.register_forward_hook(record) for module in backbone.modules()]
    try:
        features = backbone(images)
    finally:
        for hook in hooks:
            hook.remove()
    return features, [(module, output) for module, output in outputs if n_runs[module] == 1]


def _lay_out(output: Tensor, size_px: tuple[int, int]) -> Grid | None:
    """Say how an output lies over a picture; None when it does not, or has a single cell, or is the picture itself."""
    shape = tuple(output.shape)
    if output.ndim == 3:
        return _lay_out_tokens(shape[1], shape[2], size_px)
    if output.ndim != 4:
        return None
    if _fits(shape[2], shape[3], size_px):
        return Grid(shape[2], shape[3], shape[1], lambda maps: maps.permute(0, 2, 3, 1))
    if _fits(shape[1], shape[2], size_px):
        return Grid(shape[1], shape[2], shape[3], lambda maps: maps)
    return None


def _lay_out_tokens(n_tokens: int, n_channels: int, size_px: tuple[int, int]) -> Grid | None:
    """Find the finest grid of square patches that the tokens are enough for; those left over come first."""
    grids = ((size_px[0] // side, size_px[1] // side) for side in range(2, min(size_px) + 1))
    height, width = next(((h, w) for h, w in grids if h * w <= n_tokens), (1, 1))
    if height * width < 2:
        return None
    n_before = n_tokens - height * width
    return Grid(height, width, n_channels, lambda tokens: tokens[:, n_before:].unflatten(1, (height, width)))


def _fits(height: int, width: int, size_px: tuple[int, int]) -> bool:
    """Say whether cells of one stride, as large in height as in width, give that many, rounded up or down."""
    if height * width < 2 or height >= size_px[0] or width >= size_px[1]:
        return False
    least = max(size_px[0] / (height + 1), size_px[1] / (width + 1))
    most = min(size_px[i] / (n - 1) if n > 1 else np.inf for i, n in enumerate((height, width)))
    return least < most


def _score_classes(head: nn.Module, features: Tensor) -> Tensor:
    """Return what speaks for each class, before any softmax, float (batch, n_classes).

    A logit of the head an attribute is a log-probability: what speaks for another value would speak against this one,
    and a class that the network rejects would find support nowhere.
    """
    if not isinstance(head, PerAttributeHead):
        scores: Tensor = head(features)
        return scores
    values = head.class_values.unbind(dim=1)
    return torch.stack([layer(features)[:, v] for layer, v in zip(head.attributes, values, strict=True)]).sum(dim=0)


def _scale(support: Tensor) -> Tensor:
    """Stretch each picture's support to 255, uint8; nothing stays nothing."""
    most = support.amax(dim=(1, 2), keepdim=True)
    return (support / most.where(most > 0, 1.0) * 255.0).round().to(torch.uint8)
