"""The LightningModule: one step on a batch, and the scores of an epoch."""

from typing import Any

import lightning.pytorch as pl
import timm.optim
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics.classification import MulticlassConfusionMatrix
from torchvision.transforms import v2

from podium.vision import metrics
from podium.vision.backbones import InputSpec, build_model
from podium.vision.losses import SoftTargetLoss
from podium.vision.recipe import MixingConfig, Recipe
from podium.vision.schedules import make_schedule

Batch = tuple[Tensor, Tensor]


class Normalize(nn.Module):
    """Turn uint8 pixels into what the backbone wants, on the device that holds them."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: InputSpec):
        super().__init__()
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(spec.mean).view(shape) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(shape) * 255, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 (batch, height, width, 3) to float32 (batch, 3, height, width), channels last in memory."""
        return (images.permute(0, 3, 1, 2).float() - self.mean) / self.std


class Classifier(pl.LightningModule):
    """A backbone trained by a recipe.

    Args:
        recipe: Loss, optimizer, schedule, mixing.
        spec: Mean and std of the input.
        n_classes: Width of the head.
        steps_per_epoch: For the schedule, which runs by steps.
    """

    def __init__(self, recipe: Recipe, spec: InputSpec, n_classes: int, steps_per_epoch: int):
        super().__init__()
        self.recipe = recipe
        self.n_classes = n_classes
        self.steps_per_epoch = steps_per_epoch
        self.normalize = Normalize(spec)
        self.model = build_model(recipe.model, n_classes).to(memory_format=torch.channels_last)
        self.loss = SoftTargetLoss(recipe.loss)
        self.mix = make_mixing(recipe.mixing, n_classes)
        self.confusion = MulticlassConfusionMatrix(n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 (batch, height, width, 3) to logits (batch, n_classes)."""
        return self.model(self.normalize(images))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        images, targets = self.normalize(batch[0]), batch[1]
        if self.mix is not None and torch.rand(()) < self.recipe.mixing.batch_share:
            images, targets = self.mix(images, targets)
        loss = self.loss(self.model(images), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[1]))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        images, labels = batch
        logits = self(images).float()
        self.confusion.update(logits.argmax(dim=1), labels)
        loss = nn.functional.cross_entropy(logits, labels)
        self.log("val_loss", loss, on_epoch=True, batch_size=len(labels))

    def on_validation_epoch_end(self) -> None:
        confusion = self.confusion.compute().cpu().numpy()
        self.confusion.reset()
        self.log("val_macro_f1", metrics.macro_f1(confusion), prog_bar=True)
        self.log("val_accuracy", metrics.accuracy(confusion))

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        optimizer = timm.optim.create_optimizer_v2(
            self.model, recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.weight_decay
        )
        factor = make_schedule(recipe.schedule, self.steps_per_epoch, recipe.epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}


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
