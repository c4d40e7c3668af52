"""Processes that find the large libraries imported already, which is half of what a short run takes.

One process imports them and does nothing else; every command is a copy of it, made by the system, with memory, threads
and exit of its own. Podium and Kedro are no part of it: each command imports them itself, Podium from its own project.
What the interpreter draws when it starts, as the seed of its hashes, copies have in common.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SERVER = """
import gc, importlib, json, os, runpy, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
gc.freeze()  # nobody looks at these objects again, so copies go on sharing them
for line in iter(sys.stdin.readline, ""):
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        break
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
else:
    sys.exit()
for number, (file, flags) in enumerate(request["streams"]):
    os.dup2(os.open(file, flags, 0o600), number)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.path[0], sys.argv = request["folder"], ["", *request["arguments"]]
try:
    runpy.run_module("kedro", run_name="__main__", alter_sys=True)
    status = 0
except SystemExit as end:
    status = end.code or 0
except BaseException:
    traceback.print_exc()
    status = 1
from podium.leaving import leave_now
leave_now(status)
"""

# What a run of the whole chain loads, but for what reads the folder while it is imported, as Kedro's framework does.
LIBRARIES = (
    "IPython", "PIL.Image", "albumentations", "dynaconf", "git", "jinja2", "lightning.pytorch", "matplotlib.pyplot",
    "mlflow", "mlflow.store.tracking.sqlalchemy_store", "omegaconf", "pathspec", "plotly.express", "pyarrow.parquet",
    "pydantic", "rich", "scipy.signal", "scipy.stats", "sklearn.linear_model", "sklearn.model_selection", "timm",
    "torch", "torch._dynamo", "torchmetrics", "torchvision",
)  # fmt: skip


class ReadyProcess:
    """A process with the libraries imported, of which commands are copies; it ends with the one that started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *LIBRARIES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], outputs: Sequence[Path],
        timeout_s: float,
    ) -> int:  # fmt: skip
        """Run ``python -m kedro``, and return its exit status, negative for a signal.

        Args:
            arguments: What is typed behind ``kedro``.
            folder: Of the project.
            environment: All of its variables; what the interpreter and libraries read when they start, they have read.
            outputs: Files for standard output and error.
            timeout_s: It is killed after that.
        """
        write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        streams = [(os.devnull, os.O_RDONLY), *((str(file), write) for file in outputs)]
        request = {
            "arguments": [*arguments], "folder": str(folder), "environment": dict(environment), "streams": streams,
        }  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
            timer = threading.Timer(timeout_s, os.kill, (pid, signal.SIGKILL))
            timer.start()
            try:
                return int(self._process.stdout.readline())
            finally:
                timer.cancel()


@cache
def get_ready_process() -> ReadyProcess:
    """Start the process, once for all tests of a worker."""
    return ReadyProcess()
