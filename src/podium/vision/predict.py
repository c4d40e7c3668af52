"""Probabilities of a trained model, averaged over views of each image."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from podium.errors import raise_if_any
from podium.vision.batches import Rows, StoredBatches, load_stored_batches
from podium.vision.image_store import ImageStore
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe, View

Probabilities = npt.NDArray[np.float32]

# Of each side: the usual share of ImageNet's evaluation (224 of 256 px).
_CROP_SHARE = 0.875
_HEIGHT, _WIDTH = 1, 2

_TURNS: dict[View, Callable[[Tensor], Tensor]] = {
    "none": lambda images: images,
    "horizontal": lambda images: images.flip(_WIDTH),
    "vertical": lambda images: images.flip(_HEIGHT),
    "turn_90": lambda images: images.rot90(1, (_HEIGHT, _WIDTH)),
    "turn_180": lambda images: images.rot90(2, (_HEIGHT, _WIDTH)),
    "turn_270": lambda images: images.rot90(3, (_HEIGHT, _WIDTH)),
    "transpose": lambda images: images.transpose(_HEIGHT, _WIDTH),
    "transverse": lambda images: images.rot90(2, (_HEIGHT, _WIDTH)).transpose(_HEIGHT, _WIDTH),
}
# Where each crop lies: the shares of the rest that are left above it and to its left.
_CROPS: dict[View, tuple[float, float]] = {
    "crop_center": (0.5, 0.5),
    "crop_top_left": (0.0, 0.0),
    "crop_top_right": (0.0, 1.0),
    "crop_bottom_left": (1.0, 0.0),
    "crop_bottom_right": (1.0, 1.0),
}
_SWAPPING_SIDES: tuple[View, ...] = ("turn_90", "turn_270", "transpose", "transverse")


def require_views(recipe: Recipe, spec: InputSpec) -> None:
    """Refuse views that would show a model pictures of another shape than it was trained on.

    Args:
        recipe: Its ``test_time_views``.
        spec: Height and width of the input.

    Raises:
        InputError: Views swap height and width, which differ; every one is listed.
    """
    swapping = [view for view in recipe.test_time_views if view in _SWAPPING_SIDES]
    cases = [
        f"recipes.{recipe.name}.test_time_views: '{view}' swaps the sides of an input of {spec.height_px}x"
        f"{spec.width_px} px; leave it out, or make input.size_px square"
        for view in swapping
        if spec.height_px != spec.width_px
    ]
    raise_if_any("Views do not fit the input:", cases)


def view_images(images: Tensor, view: View) -> Tensor:
    """Show images in another way, on the device that holds them.

    Args:
        images: uint8, (batch, height, width, 3).
        view: ``turn_90`` and ``turn_270`` turn counter-clockwise, as :func:`numpy.rot90` does; ``transpose`` mirrors
            at the diagonal from the top left, ``transverse`` at the other one. Crops are 87.5 % of each side, resized
            back with bilinear interpolation.

    Returns:
        uint8, (batch, height, width, 3), contiguous; height and width are swapped by ``turn_90``, ``turn_270``,
        ``transpose`` and ``transverse``.
    """
    seen = _TURNS[view](images) if view in _TURNS else _crop(images, *_CROPS[view])
    return seen.contiguous()


@torch.inference_mode()
def predict_probabilities(  # noqa: PLR0913
    model: nn.Module,
    store: ImageStore,
    rows: Rows,
    views: Sequence[View],
    n_classes: int,
    batch_size: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Probabilities:
    """Average the softmax of every view.

    Args:
        model: Maps uint8 (batch, height, width, 3) to logits (batch, n_classes).
        store: Where the pixels lie.
        rows: Rows of the store, int64, (n,).
        views: How each image is shown; see :func:`view_images`.
        n_classes: Number of classes.
        batch_size: Images a forward pass.
        device: Where the model runs; it is moved there.
        dtype: float32, or bfloat16 for autocast.

    Returns:
        float32, (n, n_classes), in the order of ``rows``; rows sum to 1.
    """
    model = model.to(device).eval()
    probabilities = np.zeros((len(rows), n_classes), dtype=np.float32)
    start = 0
    for pixels, _ in load_stored_batches(StoredBatches(store, rows, None, batch_size), device.type == "cuda"):
        images = pixels.to(device, non_blocking=True)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            batch = sum(_predict(model, view_images(images, view)) for view in views) / len(views)
        assert isinstance(batch, Tensor)
        probabilities[start : start + len(images)] = batch.float().cpu().numpy()
        start += len(images)
    return probabilities


def _predict(model: nn.Module, images: Tensor) -> Tensor:
    return torch.softmax(model(images).float(), dim=1)


def _crop(images: Tensor, above: float, left: float) -> Tensor:
    sides = images.shape[1:3]
    height, width = (max(1, round(side * _CROP_SHARE)) for side in sides)
    top, start = round((sides[0] - height) * above), round((sides[1] - width) * left)
    cut = images[:, top : top + height, start : start + width].permute(0, 3, 1, 2)
    # In floats, since a CPU's own way with uint8 rounds coarser than a GPU's.
    resized = resize(cut.float(), list(sides), InterpolationMode.BILINEAR, antialias=True)
    return resized.round().to(torch.uint8).permute(0, 2, 3, 1)
