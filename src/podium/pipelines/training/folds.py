"""One fold: from tables to arrays, through the training loop, and back to tables."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from podium.errors import InputError
from podium.pipelines.training.config import TrainingConfig
from podium.probabilities import make_table
from podium.tracking import log_epoch
from podium.vision.augmentation import Step
from podium.vision.backbones import InputSpec
from podium.vision.fit import FoldData, Hardware, fit_fold
from podium.vision.fitting_store import open_store
from podium.vision.recipe import Recipe


def choose_hardware(training: TrainingConfig) -> Hardware:
    """Resolve ``auto`` on this machine.

    Raises:
        InputError: A GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if training.device == "gpu" and not has_gpu:
        raise InputError(
            "This machine cannot train as asked:",
            ["training.device: 'gpu', but torch sees none; set 'auto' or 'cpu', or check the driver with nvidia-smi"],
        )
    accelerator = "gpu" if training.device == "gpu" or (training.device == "auto" and has_gpu) else "cpu"
    has_bf16 = accelerator == "gpu" and torch.cuda.is_bf16_supported(including_emulation=False)
    is_bf16 = training.precision == "bf16" or (training.precision == "auto" and has_bf16)
    return Hardware(
        accelerator=accelerator,  # type: ignore[arg-type]
        precision="bf16-mixed" if is_bf16 else "32-true",
        num_workers=training.count_workers(),
        progress=training.progress,
    )


def fit_and_describe(  # noqa: PLR0913
    recipe: Recipe,
    spec: InputSpec,
    policy: list[Step],
    store_folder: str,
    train: pd.DataFrame,
    test: pd.DataFrame,
    n_classes: int,
    member: dict[str, Any],
    fold: int,
    hardware: Hardware,
    checkpoint_dir: Path,
) -> dict[str, Any]:
    """Train one fold and say of every result whose it is.

    Args:
        recipe, spec, policy, hardware, checkpoint_dir: See :func:`podium.vision.fit.fit_fold`.
        store_folder: Of the image store.
        train: image_id, sha256, fold, label, training_label, n_variants; sorted by image_id.
        test: image_id and sha256; sorted by image_id.
        n_classes: Number of classes.
        member: name, split_digest, content_digest.
        fold: The fold to hold out.

    Returns:
        weights (tensors and a header), oof, test_probabilities and history (tables with the digests in ``attrs``).

    Raises:
        InputError: The store holds pictures of another size, or resized in another way.
    """
    store = open_store(Path(store_folder), spec)
    held_out = train["fold"] == fold
    data = FoldData(
        train_rows=store.rows_of(train.loc[~held_out, "sha256"]),
        training_labels=train.loc[~held_out, "training_label"].to_numpy(np.int64),
        n_variants=train.loc[~held_out, "n_variants"].to_numpy(np.int64),
        validation_rows=store.rows_of(train.loc[held_out, "sha256"]),
        validation_labels=train.loc[held_out, "label"].to_numpy(np.int64),
        test_rows=store.rows_of(test["sha256"]),
        n_classes=n_classes,
    )
    fitted = fit_fold(
        recipe, spec, policy, store, data, fold, hardware, checkpoint_dir, lambda row: log_epoch(fold, row)
    )
    header = {"member": member, "fold": fold, "recipe": recipe.model_dump(mode="json"), "input_spec": spec.to_dict()}
    attrs = {key: member[key] for key in ("name", "recipe", "split_digest", "content_digest")}
    oof = make_table(train.loc[held_out, "image_id"], fold, fitted.oof)
    test_probabilities = make_table(test["image_id"], fold, fitted.test)
    history = fitted.history.assign(fold=fold)[["fold", *fitted.history.columns]]
    for table in (oof, test_probabilities, history):
        table.attrs.update(attrs)
    weights = {"tensors": fitted.weights, "header": json.loads(json.dumps(header))}
    return {"weights": weights, "oof": oof, "test_probabilities": test_probabilities, "history": history}
