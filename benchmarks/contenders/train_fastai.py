"""Train a network with fastai, as its tutorials do: a ``DataBlock``, a ``Learner``, one cycle."""

import argparse
from pathlib import Path

import timm
import torch
from fastai.vision.all import (
    CategoryBlock,
    ChannelsLast,
    DataBlock,
    DataLoaders,
    F1Score,
    GrandparentSplitter,
    ImageBlock,
    LabelSmoothingCrossEntropy,
    Learner,
    Normalize,
    Resize,
    ResizeMethod,
    SaveModelCallback,
    accuracy,
    aug_transforms,
    get_image_files,
    imagenet_stats,
    parent_label,
)


def main() -> None:
    """Train on ``train/<class>/``, and print the scores on ``validation/<class>/`` after each epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", type=Path)
    parser.add_argument("--backbone")
    for flag in ("--input-height-px", "--input-width-px", "--batch-size", "--epochs", "--num-workers"):
        parser.add_argument(flag, type=int)
    for flag in ("--lr", "--weight-decay", "--smoothing"):
        parser.add_argument(flag, type=float)
    job = parser.parse_args()
    loaders = load_parts(job)
    learner = Learner(
        loaders,
        timm.create_model(job.backbone, num_classes=len(loaders.vocab)),
        loss_func=LabelSmoothingCrossEntropy(eps=job.smoothing),
        metrics=[accuracy, F1Score(average="macro")],
        wd=job.weight_decay,  # fastai's Adam decays weights apart from gradients, as AdamW does
        cbs=[SaveModelCallback(monitor="f1_score"), ChannelsLast()],
    )
    if torch.cuda.is_available():
        learner.to_bf16()
    learner.fit_one_cycle(job.epochs, job.lr)


def load_parts(job: argparse.Namespace) -> DataLoaders:
    """Make the loaders of both parts; the light policy in the terms of fastai, which augments whole batches."""
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        splitter=GrandparentSplitter("train", "validation"),
        get_y=parent_label,
        item_tfms=Resize((job.input_height_px, job.input_width_px), method=ResizeMethod.Squish),
        batch_tfms=[
            *aug_transforms(max_rotate=12, min_zoom=0.9, max_zoom=1.1, max_warp=0, p_affine=0.8, p_lighting=0.5),
            Normalize.from_stats(*imagenet_stats),
        ],
    )
    return block.dataloaders(job.parts, bs=job.batch_size, val_bs=4 * job.batch_size, num_workers=job.num_workers)


if __name__ == "__main__":
    main()
