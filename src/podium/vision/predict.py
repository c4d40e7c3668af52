"""Probabilities of a trained model, averaged over views of each image."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from podium.vision.batches import Rows, StoredBatches, load_stored_batches
from podium.vision.image_store import ImageStore
from podium.vision.recipe import View
from podium.vision.views import average_views

Probabilities = npt.NDArray[np.float32]


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
        views: How each image is shown; see :func:`~podium.vision.views.view_images`.
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
            batch = average_views(model, images, views)
        probabilities[start : start + len(images)] = batch.float().cpu().numpy()
        start += len(images)
    return probabilities
