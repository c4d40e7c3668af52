"""A small training to be shared by processes, and processes that share."""

import multiprocessing
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
from PIL import Image

from podium.vision.augmentation import resolve_policy
from podium.vision.fit import FoldData, MemberPlan
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.ranks import Ranks
from podium.vision.recipe import Recipe

SPEC = InputSpec(16, 16, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
POLICY = [{"HorizontalFlip": {"p": 0.5}}, {"Affine": {"rotate": [-20, 20], "p": 0.8}}, {"GaussNoise": {"p": 0.5}}]
N_CLASSES = 3
N_TRAIN, N_VALIDATION = 43, 17


def draw_fold(root: Path) -> FoldData:
    """Noisy pictures whose brightness tells the class, some classes rarer than others."""
    rng = np.random.default_rng(9)
    names = [f"그림_{i:02d}.png" for i in range(N_TRAIN + N_VALIDATION + 5)]
    labels = rng.choice(N_CLASSES, len(names), p=[0.5, 0.3, 0.2])
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 60, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    filled = fill_store(
        folder=root / "store", root=root, paths=names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False
    )
    store = ImageStore(root / "store")
    rows = store.rows_of(filled.table["sha256"])
    train, validation = slice(0, N_TRAIN), slice(N_TRAIN, N_TRAIN + N_VALIDATION)
    return FoldData(
        store, rows[train], labels[train], np.ones(N_TRAIN, np.int64), rows[validation], labels[validation],
        rows[validation.stop :], N_CLASSES,
    )  # fmt: skip


def make_plan(**changes: Any) -> MemberPlan:
    """Plan batches of nine, which neither two nor three processes divide evenly, and mix them."""
    recipe = Recipe.model_validate(
        {
            "name": "tiny", "model": {"backbone": "test_resnet"}, "input": {"size_px": (16, 16)}, "batch_size": 9,
            "epochs": 3, "mixing": {"mixup_alpha": 0.2, "cutmix_alpha": 0.4, "batch_share": 0.7}, **changes,
        }
    )  # fmt: skip
    return MemberPlan(recipe, SPEC, resolve_policy("test", POLICY, (16, 16)), None)


def run_ranks(n_ranks: int, compute: Callable[[Ranks], Any]) -> list[Any]:
    """Let ``n_ranks`` forked processes compute together, over the loopback; return what each has computed."""
    fork = multiprocessing.get_context("fork")
    pipes = [fork.Pipe(duplex=False) for _ in range(n_ranks)]
    with tempfile.TemporaryDirectory() as folder:

        def run(rank: int) -> None:
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"
            torch.set_num_threads(1)
            store = torch.distributed.FileStore(f"{folder}/store", n_ranks)
            torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=n_ranks)
            pipes[rank][1].send_bytes(pickle.dumps(compute(Ranks(rank, n_ranks))))  # tensors by value
            torch.distributed.barrier()

        processes = [fork.Process(target=run, args=(rank,)) for rank in range(n_ranks)]
        for process in processes:
            process.start()
        for _, end in pipes:
            end.close()
        try:
            return [pickle.loads(end.recv_bytes()) for end, _ in pipes]
        finally:
            for process in processes:
                process.join(30)
