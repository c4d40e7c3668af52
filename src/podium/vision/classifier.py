"""The LightningModule: one step on a batch, and the scores of an epoch."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix
from torchvision.transforms import v2

from podium.vision import metrics
from podium.vision.averaging import is_due, make_average
from podium.vision.criterion import MONITORS
from podium.vision.distillation import Teacher, Teachers, distillation_loss, resize_pixels
from podium.vision.input_spec import InputSpec, find_epoch_size
from podium.vision.micro_batches import PREDICTED_AT_ONCE, Division, compute_in_parts, map_in_parts
from podium.vision.network import Network, Normalize, to_float
from podium.vision.optimizers import make_optimizer
from podium.vision.ranks import Ranks
from podium.vision.recipe import MixingConfig, Recipe
from podium.vision.schedules import make_schedule

Batch = tuple[Tensor, Tensor]


class Classifier(pl.LightningModule):
    """A network trained by a recipe.

    Args:
        recipe: Optimizer, schedule, mixing, averaging, distillation.
        spec: Input of the network.
        network: What is trained.
        loss: Of logits and soft targets.
        steps_per_epoch: Of the optimizer, for the schedule, which runs by steps.
        n_classes: Width of the head.
        teachers: Of the recipe's distillation.
        channels_last: How pictures lie in memory.

    Attributes:
        ranks: Who computes a batch; this process alone, unless it is told otherwise before training.
        division: How this process works off its share of a batch; None does so at once.
    """

    def __init__(  # noqa: PLR0913
        self,
        recipe: Recipe,
        spec: InputSpec,
        network: Network,
        loss: nn.Module,
        steps_per_epoch: int,
        n_classes: int,
        teachers: Sequence[Teacher] = (),
        channels_last: bool = True,
    ):
        super().__init__()
        self.recipe = recipe
        self.spec = spec
        self.network = network
        self.ranks = Ranks()
        self.division: Division | None = None
        self.average = make_average(network, recipe.averaging)
        self.normalize = Normalize(spec, channels_last)
        self.loss = loss
        self.mix = make_mixing(recipe.mixing, n_classes)
        self.confusion = MulticlassConfusionMatrix(n_classes, validate_args=False)  # its check reads from the device
        self.summed_loss = SumMetric(nan_strategy="disable")  # a loss that is no number is to be seen
        self.schedule = make_schedule(recipe.schedule, steps_per_epoch, recipe.epochs, MONITORS[recipe.criterion][1])
        # In a tuple, out of sight of state_dict: checkpoints need not carry networks that never change.
        self._teachers = (Teachers(teachers, recipe.distillation.temperature),) if teachers else ()

    @property
    def scored_network(self) -> Network:
        """The network that validation and prediction use: the average, once there is one."""
        if self.average is not None and self.average.n_averaged > 0:
            averaged: Network = self.average.module  # type: ignore[assignment]  # typed as any module
            return averaged
        return self.network

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 (batch, height, width, 3) to logits (batch, n_classes)."""
        at_once = None
        if self.division is not None and not self.division.is_whole:
            at_once = PREDICTED_AT_ONCE * self.division.micro_batch
        return map_in_parts(lambda part: self.scored_network(self.normalize(to_float(part))), images, at_once)

    def on_fit_start(self) -> None:
        for teachers in self._teachers:
            teachers.to(self.device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        part = self.ranks.begin_batch(len(batch[1]))
        pixels, targets = self._show(batch, part)
        loss = self.compute_loss(pixels, targets, part)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[1]))
        return loss * self.ranks.loss_weight

    def compute_loss(self, pixels: Tensor, targets: Tensor, part: slice) -> Tensor:
        """Return the loss of the whole batch, float32 scalar; gradients go through this rank's part.

        Args:
            pixels: Of this rank's part, float32 (images of the part, 3, height, width), 0 to 255.
            targets: Of the whole batch, int64 (batch,) or float (batch, n_classes).
            part: Which images are this rank's.
        """
        n_parts = 1 if self.division is None else self.division.count_parts(*self.ranks.part_sizes)

        def compute(pixels: Tensor, targets: Tensor) -> Tensor:
            return self.network(self.normalize(pixels), targets)

        logits = self.ranks.gather(compute_in_parts(compute, self.network, pixels, targets[part], n_parts))
        loss: Tensor = self.loss(logits, targets)
        for teachers in self._teachers:
            distillation = self.recipe.distillation
            opinions = self.ranks.gather(map_in_parts(teachers, pixels, -(-len(pixels) // n_parts)))
            learnt = distillation_loss(logits, opinions, distillation.temperature)
            loss = (1.0 - distillation.share) * loss + distillation.share * learnt
        return loss

    def _show(self, batch: Batch, part: slice) -> Batch:
        """Return the pixels of a part of the batch, at the epoch's size and perhaps mixed, and all of its targets.

        Mixing takes from an image's neighbour, which may be in another rank's part, so it has the whole batch.
        """
        size_px = find_epoch_size(self.spec, self.recipe.input.progressive, self.current_epoch)
        with self.ranks.draw_in_common():
            if self.mix is not None and torch.rand(()) < self.recipe.mixing.batch_share:
                pixels, targets = self.mix(resize_pixels(to_float(batch[0]), size_px), batch[1])
                return pixels[part], targets
        return resize_pixels(to_float(batch[0][part]), size_px), batch[1]

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        is_last = batch_idx + 1 == self.trainer.num_training_batches
        is_step = is_last or (batch_idx + 1) % self.recipe.optimizer.accumulate == 0
        if self.average is not None and is_step and is_due(self.recipe.averaging, self.current_epoch, is_last):
            self.average.update()

    def validation_step(self, batch: Batch, _: int) -> None:
        images, labels = batch
        logits = self(images).float()
        self.confusion.update(logits.argmax(dim=1), labels)
        loss = nn.functional.cross_entropy(logits, labels)
        self.summed_loss.update(loss * len(labels))

    def on_validation_epoch_end(self) -> None:
        confusion, summed_loss = self.confusion.compute().cpu().numpy(), self.summed_loss.compute()  # of all ranks
        self.confusion.reset()
        self.summed_loss.reset()
        self.log("val_loss", summed_loss / int(confusion.sum()))
        self.log("val_macro_f1", metrics.macro_f1(confusion), prog_bar=True)
        self.log("val_accuracy", metrics.accuracy(confusion))

    def on_train_epoch_end(self) -> None:
        """Let the schedule see the score, and let what it makes of it hold from the next step on."""
        self.schedule.observe(float(self.trainer.callback_metrics[MONITORS[self.recipe.criterion][0]]))
        scheduler: Any = self.lr_schedulers()
        for group, peak in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
            group["lr"] = peak * self.schedule(scheduler.last_epoch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.schedule.load_state_dict(checkpoint["schedule"])

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.network, self.recipe.optimizer, self.recipe.freezing)

        def factor(step: int) -> float:  # LambdaLR would put the insides of the schedule itself into checkpoints
            return self.schedule(step)

        scheduler = LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def make_mixing(config: MixingConfig, n_classes: int) -> nn.Module | None:
    """Make mixup, cutmix, or an even choice of both; None when both are off.

    They draw from torch's random state, which is set at the start of every epoch.
    """
    ways: list[nn.Module] = []
    if config.mixup_alpha > 0:
        ways.append(v2.MixUp(alpha=config.mixup_alpha, num_classes=n_classes))
    if config.cutmix_alpha > 0:
        ways.append(v2.CutMix(alpha=config.cutmix_alpha, num_classes=n_classes))
    return v2.RandomChoice(ways) if ways else None
