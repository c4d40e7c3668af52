"""Ways to show a model an image, and the mean of what it says of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from podium.errors import raise_if_any
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe, View

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


def average_views(model: Callable[[Tensor], Tensor], images: Tensor, views: Sequence[View]) -> Tensor:
    """Average a model's probabilities over views of the same images.

    Args:
        model: Maps uint8 (batch, height, width, 3) to logits (batch, n_classes).
        images: uint8 (batch, height, width, 3), where the model is.
        views: At least one; see :func:`view_images`.

    Returns:
        float32 (batch, n_classes), rows summing to 1.
    """
    total = torch.zeros((), device=images.device)
    for view in views:
        total = total + torch.softmax(model(view_images(images, view)).float(), dim=1)
    return total / len(views)


def _crop(images: Tensor, above: float, left: float) -> Tensor:
    sides = images.shape[1:3]
    height, width = (max(1, round(side * _CROP_SHARE)) for side in sides)
    top, start = round((sides[0] - height) * above), round((sides[1] - width) * left)
    cut = images[:, top : top + height, start : start + width].permute(0, 3, 1, 2)
    # In floats, since a CPU's own way with uint8 rounds coarser than a GPU's.
    resized = resize(cut.float(), list(sides), InterpolationMode.BILINEAR, antialias=True)
    return resized.round().to(torch.uint8).permute(0, 2, 3, 1)
