"""What happens around an epoch: seeds, history, early stopping, checkpoints."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar

from podium.vision.criterion import MONITORS
from podium.vision.freezing import PartFreezing
from podium.vision.ranks import Ranks
from podium.vision.recipe import Recipe
from podium.vision.seeds import derive_seed

HistoryRow = dict[str, float]
OnEpoch = Callable[[HistoryRow], None]


def make_callbacks(
    recipe: Recipe, seed: int, checkpoint_dir: Path, history: "EpochHistory", progress: bool, ranks: Ranks
) -> list[Callback]:
    """List the callbacks of one fold, in the order in which they act at the end of an epoch."""
    monitor, mode = MONITORS[recipe.criterion]
    # The end of the training epoch comes after validation and after the last step of the schedule, so a checkpoint
    # made there holds a whole epoch. `best` stands before `last`: whatever `last` knows of, is on disk.
    where: dict[str, Any] = {
        "dirpath": checkpoint_dir,
        "enable_version_counter": False,
        "save_on_train_epoch_end": True,
    }
    checkpoints: list[Callback] = [
        MovableCheckpoint(filename="best", monitor=monitor, mode=mode, save_weights_only=True, **where),
        MovableCheckpoint(filename="last", **where),
    ]
    stopping = [StopEarly(monitor, mode, recipe.early_stopping_epochs)] if recipe.early_stopping_epochs else []
    bars = [TQDMProgressBar(refresh_rate=10)] if progress else []
    return [EpochSeeds(seed, ranks), PartFreezing(recipe.freezing), history, *stopping, *bars, *checkpoints]


class MovableCheckpoint(ModelCheckpoint):
    """A checkpoint that knows its best epoch again after its folder was moved or mounted elsewhere.

    Lightning stores absolute paths, and forgets the best score when they differ.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        folder = str(self.dirpath)

        def move(path: str) -> str:
            return str(Path(folder) / Path(path).name) if path else path

        moved = {**state_dict, "dirpath": folder}
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[key] = move(moved[key])
        moved["best_k_models"] = {move(path): score for path, score in moved["best_k_models"].items()}
        super().load_state_dict(moved)


class StopEarly(EarlyStopping):
    """Early stopping that stays stopped when a run is resumed after the epoch that ended it."""

    def __init__(self, monitor: str, mode: str, patience: int):
        # Not the check for finite scores: it stops without a count, which a resumed run would not know of.
        super().__init__(monitor, patience=patience, mode=mode, check_on_train_epoch_end=True, check_finite=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class EpochSeeds(Callback):
    """Set the model's random state at the start of each epoch, so that a resumed epoch draws the same numbers."""

    def __init__(self, seed: int, ranks: Ranks):
        self._seed = seed
        self._ranks = ranks

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            self._ranks.seed(derive_seed(self._seed, trainer.current_epoch, 2))


class EpochHistory(Callback):
    """Collect one row an epoch, and carry the rows over a resumption inside the checkpoint."""

    def __init__(self, on_epoch: OnEpoch):
        self._on_epoch = on_epoch
        self._rows: list[HistoryRow] = []
        self._started = 0.0
        self._n_images = 0

    @property
    def table(self) -> pd.DataFrame:
        """The rows so far."""
        return pd.DataFrame(self._rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._rows = list(state_dict["rows"])
        for row in self._rows:
            self._on_epoch(row)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started, self._n_images = time.perf_counter(), 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._n_images += len(batch[1])

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._trained = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {
            "epoch": trainer.current_epoch,
            **{name: scores[name] for name in ("train_loss", "val_loss", "val_macro_f1", "val_accuracy")},
            "lr": max(group["lr"] for group in trainer.optimizers[0].param_groups),  # the head's, where layers differ
            "images_per_s": self._n_images / max(self._trained - self._started, 1e-9),
            "elapsed_s": time.perf_counter() - self._started,
        }
        row = trainer.strategy.broadcast(row)  # of several ranks the first one's clock counts
        self._rows.append(row)
        self._on_epoch(row)
