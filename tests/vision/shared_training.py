"""A small training to be shared by processes, and processes that share."""

import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch
import torch.distributed
from PIL import Image

from podium.vision import rank_launch
from podium.vision.augmentation import resolve_policy
from podium.vision.callbacks import HistoryRow
from podium.vision.fit import FoldData, MemberPlan, fit_fold
from podium.vision.hardware import Hardware
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
    """Let ``n_ranks`` processes compute together, over the loopback; return what each has computed.

    They are no copies of this one: autograd does not work in a copy of a process in which it once used threads.
    """
    cloudpickle.register_pickle_by_value(sys.modules[compute.__module__])
    server = multiprocessing.get_context(rank_launch._choose_start_method())
    pipes = [server.Pipe(duplex=False) for _ in range(n_ranks)]
    with tempfile.TemporaryDirectory() as folder:
        work = cloudpickle.dumps(compute)
        processes = [
            server.Process(target=compute_as_rank, args=(work, rank, n_ranks, folder, there))
            for rank, (_, there) in enumerate(pipes)
        ]
        for process in processes:
            process.start()
        for _, end in pipes:
            end.close()
        try:
            return [pickle.loads(end.recv_bytes()) for end, _ in pipes]
        finally:
            for process in processes:
                process.join(30)


def compute_as_rank(work: bytes, rank: int, n_ranks: int, folder: str, line: Connection) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(f"{folder}/store", n_ranks)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=n_ranks)
    line.send_bytes(pickle.dumps(cloudpickle.loads(work)(Ranks(rank, n_ranks))))  # tensors by value
    torch.distributed.barrier()


def list_ranks() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def train_on_a_node(fold: FoldData, plan: Any, hardware: Hardware, folder: Path, line: Any, stop_at: int) -> None:
    """Be the process of a node: tell the test of ranks and epochs, and wait where it wants to kill."""
    rank_launch._choose_start_method = lambda: "fork"

    def on_epoch(row: HistoryRow) -> None:
        line.send((int(row["epoch"]), list_ranks()))
        if row["epoch"] == stop_at:
            time.sleep(60)

    fitted = fit_fold(plan, fold, 0, hardware, folder, on_epoch)
    line.send((fitted.oof, sorted(path.name for path in folder.iterdir())))


def start_node(*arguments: Any, stop_at: int = -1) -> tuple[Any, Any]:
    server = multiprocessing.get_context(rank_launch._choose_start_method())
    here, there = server.Pipe()
    process = server.Process(target=train_on_a_node, args=(*arguments, there, stop_at))
    process.start()
    there.close()
    return process, here
