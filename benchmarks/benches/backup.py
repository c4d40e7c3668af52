"""Training with a backup to a slow store against training without one: what a backup may cost.

Each contender trains one fold of EfficientNet-lite0 for three epochs, as ``kedro run`` would; the figure is the
seconds of the epochs. Ours has the process beside it that mirrors every checkpoint (52 MB each
epoch, 16 MB of it the best weights) to an S3 store behind a line of 4 MB/s; what is left to send at the end is not in
the figure, since nothing waits for it but the end of the run. The store stands for another machine, so it and its line
stand back from everything else; its answers still cost this machine something that a real one would not.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.members import CASES, find_hardware, make_fold, make_plan
from benchmarks.options import Options
from benchmarks.pictures import CACHE

WITHOUT = "without"
STORE = "store"  # no contender: the other side of ours
BOUND = 1.02
EPOCHS = 3
BYTES_PER_S = 4_000_000
BLOCK = 1 << 16


def define(options: Options) -> list[Bench]:
    """Define the bench."""
    command = [sys.executable, "-m", "benchmarks.benches.backup"]
    if options.photos_dir:
        command += ["--pictures", str(options.photos_dir)]
    return [
        Bench(
            name="backup",
            title=f"training with a backup to a store at {BYTES_PER_S / 1e6:.0f} MB/s",
            unit="s",
            better="lower",
            contenders=[Contender(name, [*command, "--who", name]) for name in (OURS, WITHOUT)],
            against=[WITHOUT],
            bound=BOUND,
            ratio_of="with / without a backup",
        )
    ]


def main() -> None:
    """Train with or without a backup, and print the seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=(OURS, WITHOUT, STORE), required=True)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    if arguments.who == STORE:
        serve_slowly()
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        data = Path(folder) / "data"
        if arguments.who == WITHOUT:
            print_figure(train(data, arguments.pictures))
            return
        with start_store() as endpoint, mirror(data, endpoint):
            print_figure(train(data, arguments.pictures))


def train(data: Path, photos_dir: Path | None) -> float:
    """Train a fold below a folder of data; return the seconds of its epochs."""
    from podium.atomic_files import write_files_atomically
    from podium.vision.fit import fit_fold

    write_files_atomically()
    case = CASES["lite0"]
    plan = make_plan(case, epochs=EPOCHS)
    fold = make_fold(plan, case, case.n_cpu_steps * plan.recipe.batch_size, photos_dir)
    seconds: list[float] = []
    fit_fold(
        plan, fold, 0, find_hardware(), data / "06_models/bench/fold_0/checkpoints",
        lambda row: seconds.append(row["elapsed_s"]),
    )  # fmt: skip
    return sum(seconds)


@contextmanager
def mirror(data: Path, endpoint: str) -> Iterator[None]:
    """Mirror a folder of data in the background, as a run does."""
    from podium.backup.config import BackupConfig
    from podium.backup.process import BackupProcess

    config = BackupConfig(url="s3://bench/backup", data_dir=data, project_dir=data, finish_s=0.0)
    process = BackupProcess(config, {"key": "bench", "secret": "bench-secret", "endpoint_url": endpoint})
    process.start()
    process.require_start(60.0)
    yield
    process.finish()


@contextmanager
def start_store() -> Iterator[str]:
    """Run the store in a process of its own; yield its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.benches.backup", "--who", STORE], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        _make_bucket(endpoint)
        yield endpoint
        process.terminate()


def serve_slowly() -> None:
    """Run an S3 store behind a line of ``BYTES_PER_S``, print its address, and end with standard input."""
    from moto.server import ThreadedMotoServer

    os.nice(19)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, server.get_host_and_port()[1]), daemon=True).start()
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


def _accept(listening: socket.socket, port: int) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        for source, target, bytes_per_s in ((near, far, BYTES_PER_S), (far, near, None)):
            threading.Thread(target=_pass_on, args=(source, target, bytes_per_s), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, bytes_per_s: int | None) -> None:
    try:
        while block := source.recv(BLOCK):
            target.sendall(block)
            if bytes_per_s is not None:
                time.sleep(len(block) / bytes_per_s)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _make_bucket(endpoint: str) -> None:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
        aws_access_key_id="bench", aws_secret_access_key="bench-secret",
    )  # fmt: skip
    client.create_bucket(Bucket="bench")


if __name__ == "__main__":
    main()
