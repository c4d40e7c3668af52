"""Start-up: wall time of a command of Kedro against that of importing what the project is made of.

Three commands, in a project with a copy of the configuration, one run of which is over: MLflow's data base is there.

- ``kedro registry list``, from start to exit
- ``kedro run --env sample``, from start to the line that says that its first node runs: MLflow knows of the run by
  then, and what the node takes is loaded
- ``kedro run`` with a misspelt parameter, from start to exit

Against ``python -c "import kedro_mlflow, lightning, timm"``, from start to exit, with the same interpreter.
"""

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, ROOT

BOUND = 1.3


@dataclass(frozen=True)
class Job:
    """A command, and when it is over.

    Attributes:
        command: Run by this interpreter.
        title: What the user sees of it.
        until: What the line holds with which it counts as over; None waits for its exit.
        status: With which it has to exit, if it does.
    """

    command: tuple[str, ...]
    title: str
    until: str | None = None
    status: int = 0


IMPORTS = Job(("-c", "import kedro_mlflow, lightning, timm"), "import kedro_mlflow, lightning, timm")
JOBS = {
    "registry_list": Job(("-m", "kedro", "registry", "list"), "kedro registry list"),
    "first_node": Job(("-m", "kedro", "run", "--env", "sample"), "kedro run to the first node", until="Running node"),
    "refusal": Job(
        ("-m", "kedro", "run", "--params", "splitting.nfolds=3"), "kedro run with a misspelt parameter", status=1
    ),
}


def define(options: Options) -> list[Bench]:
    """Define a bench for each command."""
    return [
        Bench(
            name=f"start_up_{name}",
            title=job.title,
            unit="s",
            better="lower",
            contenders=[_contend(OURS, name), _contend("imports", name)],
            against=["imports"],
            bound=BOUND,
            ratio_of=f"ours / {IMPORTS.title}",
        )
        for name, job in JOBS.items()
    ]


def _contend(who: str, job: str) -> Contender:
    return Contender(who, [sys.executable, "-m", "benchmarks.benches.start_up", "--who", who, "--job", job])


def main() -> None:
    """Time one command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--who", required=True, choices=[OURS, "imports"])
    parser.add_argument("--job", required=True, choices=list(JOBS))
    arguments = parser.parse_args()
    project = _make_project()
    print_figure(_time(JOBS[arguments.job] if arguments.who == OURS else IMPORTS, project))


def _make_project() -> Path:
    """Copy the configuration into a project of its own, where Kedro says when a node runs; run that once."""
    project = CACHE / "start_up"
    shutil.rmtree(project / "conf", ignore_errors=True)
    shutil.copytree(ROOT / "conf", project / "conf", ignore=shutil.ignore_patterns("local"))
    for folder in ("conf/local", "src"):  # Kedro looks for both; the package itself is the installed one
        (project / folder).mkdir(exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", project)
    logging = project / "conf/logging.yml"
    logging.write_text(
        logging.read_text().replace("kedro.pipeline.node: {level: CRITICAL}", "kedro.pipeline.node: {level: INFO}")
    )
    if not (project / "mlflow.db").exists():
        _time(JOBS["first_node"], project)
    return project


def _time(job: Job, folder: Path) -> float:
    """Return the seconds from the start of a command until it is over.

    Raises:
        RuntimeError: It ended before the line that it should write, or with another status than it should.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *job.command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if job.until is not None and job.until in line:
                elapsed_s = time.perf_counter() - start
                process.kill()
                return elapsed_s
        status = process.wait()
    if job.until is not None or status != job.status:
        raise RuntimeError(f"python {' '.join(job.command)} ended with {status}: {''.join(told)}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
