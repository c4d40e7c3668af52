"""Processes that train one fold together, for real: started, lost, started again, and never left behind."""

import logging
import os
import re
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from podium.errors import InputError
from podium.vision import rank_launch
from podium.vision.callbacks import HistoryRow
from podium.vision.fit import FittedFold, FoldData, fit_fold
from podium.vision.hardware import Hardware, RankGroup
from podium.vision.micro_batches import Division
from processes import is_alive, wait_until
from vision.shared_training import N_TRAIN, draw_fold, list_ranks, make_plan, start_node

ALONE = Hardware(accelerator="cpu", precision="32-true", num_workers=0, num_threads=1)
PAIR = replace(ALONE, group=RankGroup(n_devices=2, max_restarts=1))
# All that a batch has a say in: a loss that is no sum over images, class weights, gathered and clipped gradients, an
# average of weights, a schedule that looks at scores.
RICH: dict[str, Any] = {
    "loss": {
        "name": "weighted_sum",
        "terms": {"soft_macro_f1": 0.5, "focal": 0.5},
        "class_weights": "effective_number",
    },
    "optimizer": {"name": "sgd", "lr": 0.05, "accumulate": 2, "clip_norm": 1.0},
    "averaging": {"name": "ema", "decay": 0.8},
    "schedule": {"name": "plateau", "patience_epochs": 0},
    "sampler": "oversample",
    "criterion": "loss",
}
COLUMNS = ["epoch", "train_loss", "val_loss", "val_macro_f1", "val_accuracy", "lr"]


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    return draw_fold(tmp_path_factory.mktemp("그림"))


def require_the_same(a: FittedFold, b: FittedFold) -> None:
    assert a.weights.keys() == b.weights.keys()
    for name, value in a.weights.items():
        assert torch.allclose(value.float(), b.weights[name].float(), rtol=1e-3, atol=1e-4), name
    assert np.abs(a.oof - b.oof).max() < 1e-4
    assert np.abs(a.test - b.test).max() < 1e-4
    for column in COLUMNS:
        assert a.history[column].to_numpy() == pytest.approx(b.history[column].to_numpy(), rel=1e-4), column


def list_listening() -> list[str]:
    """List the addresses at which TCP sockets of the ranks listen, as the kernel writes them."""
    found = []
    for pid in list_ranks():
        inodes = {
            match[1]
            for file in Path(f"/proc/{pid}/fd").iterdir()
            if (match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(file)))
        }
        for table in ("tcp", "tcp6"):
            rows = [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]]
            found += [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes]
    return found


@pytest.mark.slow
def test_two_processes_one_of_them_killed_train_what_one_does(
    fold: FoldData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = make_plan(**RICH)
    expected = fit_fold(plan, fold, 0, ALONE, tmp_path / "one", lambda row: None)
    rows: list[HistoryRow] = []
    told_in, listening, killed = set(), [], []

    def on_epoch(row: HistoryRow) -> None:
        rows.append(row)
        told_in.add((os.getpid(), threading.get_ident()))
        if len(rows) == 2:  # its epoch is not saved yet
            listening.extend(list_listening())
            killed.append(list_ranks()[1])
            os.kill(killed[0], signal.SIGKILL)

    handler = signal.getsignal(signal.SIGTERM)
    with caplog.at_level(logging.WARNING, "podium"):
        fitted = fit_fold(plan, fold, 0, PAIR, tmp_path / "두 과정", on_epoch)
    require_the_same(expected, fitted)
    assert [row["epoch"] for row in rows] == [0, 1, 2], "each epoch is told once, though two began again"
    assert told_in == {(os.getpid(), threading.get_ident())}
    assert sum("was lost" in message for message in caplog.messages) == 1
    assert sorted(path.name for path in (tmp_path / "두 과정").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert signal.getsignal(signal.SIGTERM) is handler, "signals are handled as before"
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F"}, "nothing but the loopback"


def test_two_processes_that_compute_their_halves_in_parts_train_what_one_does_at_once(
    fold: FoldData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = make_plan(model={"backbone": "test_vit"}, epochs=2, optimizer={"name": "sgd", "lr": 0.05, "accumulate": 2})
    with caplog.at_level(logging.INFO, "podium"):
        shared = fit_fold(plan, fold, 0, replace(PAIR, micro_batch=2), tmp_path / "부분", lambda row: None)
    require_the_same(fit_fold(plan, fold, 0, ALONE, tmp_path / "one", lambda row: None), shared)
    assert shared.division == Division(5, 2, 0)
    told = [message for message in caplog.messages if "at most 2 images at once, of a share of 5" in message]
    assert len(told) == 1, "the process that started the ranks says it, once"


def test_what_telling_raises_ends_all_at_once_and_the_fold_goes_on_later(fold: FoldData, tmp_path: Path) -> None:
    class Pruned(Exception):
        """What a search raises."""

    ranks: list[int] = []

    def on_epoch(row: HistoryRow) -> None:
        ranks.extend(list_ranks())
        if row["epoch"] == 1:
            raise Pruned

    plan = make_plan(optimizer={"name": "sgd", "lr": 0.05})
    with pytest.raises(Pruned):
        fit_fold(plan, fold, 0, PAIR, tmp_path / "shared", on_epoch)
    assert len(set(ranks)) == 2
    wait_until(lambda: not any(map(is_alive, ranks)), 10)
    rows: list[HistoryRow] = []
    alone = fit_fold(plan, fold, 0, ALONE, tmp_path / "shared", rows.append)  # where and how is never what
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    require_the_same(fit_fold(plan, fold, 0, ALONE, tmp_path / "one", lambda row: None), alone)


def test_ranks_that_are_lost_too_often_end_the_run_and_keep_what_was_finished(fold: FoldData, tmp_path: Path) -> None:
    def kill_a_rank(row: HistoryRow) -> None:
        if row["epoch"] == 1:
            os.kill(list_ranks()[0], signal.SIGKILL)

    never = replace(PAIR, group=RankGroup(n_devices=2, max_restarts=0))
    with pytest.raises(RuntimeError, match=r"lost 1 times.*goes on from the last finished epoch"):
        fit_fold(make_plan(), fold, 0, never, tmp_path, kill_a_rank)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


def test_what_no_restart_mends_comes_out_as_it_is(
    fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: Any) -> None:
        raise InputError("This cannot be trained:", ["그림: 없음"])

    monkeypatch.setattr("podium.vision.fit.make_classifier", refuse)
    with pytest.raises(InputError) as error:
        fit_fold(make_plan(), fold, 0, PAIR, tmp_path, lambda row: None)
    assert error.value.cases == ["그림: 없음"]
    assert caplog.messages == [], "nothing was tried again"


def test_no_rank_outlives_a_killed_process(fold: FoldData, tmp_path: Path) -> None:
    node, line = start_node(fold, make_plan(), PAIR, tmp_path, stop_at=1)
    told = [line.recv(), line.recv()]
    assert [epoch for epoch, _ in told] == [0, 1]
    os.kill(node.pid, signal.SIGKILL)
    node.join()
    assert len(told[0][1]) == 2
    wait_until(lambda: not any(map(is_alive, told[0][1])), 10)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


@pytest.mark.slow
def test_two_machines_one_of_them_killed_end_with_the_same_files(fold: FoldData, tmp_path: Path) -> None:
    plan = make_plan(optimizer={"name": "sgd", "lr": 0.05})
    expected = fit_fold(plan, fold, 0, ALONE, tmp_path / "alone", lambda row: None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        meet = f"127.0.0.1:{free.getsockname()[1]}"
    groups = [RankGroup(n_nodes=2, node_rank=rank, rendezvous=meet) for rank in range(2)]
    hardware = [replace(ALONE, group=group) for group in groups]
    first, first_line = start_node(fold, plan, hardware[0], tmp_path / "첫째")
    second, second_line = start_node(fold, plan, hardware[1], tmp_path / "둘째", stop_at=1)
    assert [second_line.recv()[0] for _ in range(2)] == [0, 1]
    os.kill(second.pid, signal.SIGKILL)
    second.join()
    for path in (tmp_path / "둘째").iterdir():
        path.unlink()  # a new machine in its place
    second, second_line = start_node(fold, plan, hardware[1], tmp_path / "둘째")
    ends = []
    for line in (first_line, second_line):
        epochs = []
        while isinstance((said := line.recv())[0], int):
            epochs.append(said[0])
        assert epochs == [0, 1, 2]
        ends.append(said)
    for oof, files in ends:
        assert np.abs(oof - expected.oof).max() < 1e-4
        assert files == ["best.ckpt", "last.ckpt"]
    assert ends[0][0].tobytes() == ends[1][0].tobytes()
    for process in (first, second):
        process.join(30)
        assert process.exitcode == 0


def test_more_processes_than_images_are_refused_with_every_case(fold: FoldData, tmp_path: Path) -> None:
    many = replace(ALONE, group=RankGroup(n_devices=9, n_nodes=2))
    with pytest.raises(InputError, match="cannot be shared as asked") as error:
        fit_fold(make_plan(), fold, 2, many, tmp_path, lambda row: None)
    assert error.value.cases == [
        "recipes.tiny.batch_size: 9 images, the batch of all together, are too few for 18 processes; take a larger "
        "batch, or fewer training.devices",
        "fold 2: 17 images are too few for 18 processes to validate on; take fewer training.devices",
    ]
    assert list(tmp_path.iterdir()) == []


def test_machines_that_train_something_else_never_meet(fold: FoldData, tmp_path: Path) -> None:
    training = rank_launch.FoldTraining(make_plan(), fold, 0, tmp_path)
    name = rank_launch.digest_training(training)
    assert name == rank_launch.digest_training(replace(training, checkpoint_dir=tmp_path / "another"))
    labels = fold.training_labels.copy()
    labels[N_TRAIN - 1] = (labels[N_TRAIN - 1] + 1) % 3
    others = [
        replace(training, fold=1),
        replace(training, plan=make_plan(epochs=4)),
        replace(training, data=replace(fold, training_labels=labels)),
    ]
    assert name not in {rank_launch.digest_training(other) for other in others}


def test_an_address_that_cannot_be_listened_at_is_named(fold: FoldData, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        meet = f"127.0.0.1:{taken.getsockname()[1]}"
        group = RankGroup(n_nodes=2, rendezvous=meet)
        with pytest.raises(InputError, match="cannot meet") as error:
            fit_fold(make_plan(), fold, 0, replace(ALONE, group=group), tmp_path, lambda row: None)
    assert error.value.cases[0].startswith(f"training.rendezvous: '{meet}': ")
