"""Run contenders in turn, several rounds interleaved, and say by which factor ours is ahead or behind."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
OURS = "podium"


@dataclass(frozen=True)
class Contender:
    """One way of doing the job, as a command of its own, so that no two share threads, caches or imports.

    Attributes:
        name: ``podium`` for ours.
        command: Prints the figure as its last line, a JSON object ``{"value": …}``; or anything at all where the bench
            times whole commands.
        env: Environment variables on top of this process's own.
        folder: Where it runs; the project's root by default.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT


@dataclass(frozen=True)
class Bench:
    """A job, who does it, and what ours has to reach.

    Attributes:
        name: Also the name of its results.
        title: For tables: what is measured.
        unit: Of a figure, such as ``images/s`` or ``s``.
        better: Whether higher or lower figures are better.
        contenders: Ours among them, under the name ``podium``.
        against: The contenders whose best figure of a round the ratio is taken with; all others are shown alone.
        bound: What the median of ours / theirs has to reach (``higher``) or not to pass (``lower``).
        measure: ``figure`` reads what the command prints, ``seconds`` times it from start to exit.
        ratio_of: What the table's ratio is, in words.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    contenders: Sequence[Contender]
    against: Sequence[str]
    bound: float
    measure: Literal["figure", "seconds"] = "figure"
    ratio_of: str = "ours / best of the others"


@dataclass(frozen=True)
class Outcome:
    """What a bench gave.

    Attributes:
        bench: Its definition.
        figures: By contender, one figure a round.
        failures: By contender, why it gave none; it is left out from that round on.
    """

    bench: Bench
    figures: dict[str, list[float]]
    failures: dict[str, str]

    def ratios(self, other: str | None = None) -> list[float]:
        """Divide ours by another contender's figure, or by the best of those it is held against, round by round."""
        names = [other] if other else [name for name in self.bench.against if name in self.figures]
        if OURS not in self.figures or not names:
            return []
        best = max if self.bench.better == "higher" else min
        rounds = zip(self.figures[OURS], *(self.figures[name] for name in names), strict=False)
        return [ours / best(theirs) for ours, *theirs in rounds]

    @property
    def has_reached(self) -> bool:
        """Whether the median ratio keeps the bound."""
        ratios = self.ratios()
        if not ratios:
            return False
        median = statistics.median(ratios)
        return median >= self.bench.bound if self.bench.better == "higher" else median <= self.bench.bound


def run_bench(bench: Bench, rounds: int, timeout_s: float = 900.0) -> Outcome:
    """Run every contender once a round; who goes first changes from round to round.

    The first failure of a contender takes it out, and is told with the last lines that it wrote.
    """
    outcome = Outcome(bench, {contender.name: [] for contender in bench.contenders}, {})
    for number in range(rounds):
        turn = number % len(bench.contenders)
        for contender in [*bench.contenders[turn:], *bench.contenders[:turn]]:
            if contender.name in outcome.failures:
                continue
            figure = _run_contender(contender, bench.measure, timeout_s)
            if isinstance(figure, str):
                outcome.failures[contender.name] = figure
                outcome.figures.pop(contender.name)
                _say(f"{bench.name}: {contender.name} failed: {figure}")
            else:
                outcome.figures[contender.name].append(figure)
                _say(f"{bench.name}, round {number + 1} of {rounds}: {contender.name} {figure:.4g} {bench.unit}")
    return outcome


def _run_contender(contender: Contender, measure: str, timeout_s: float) -> float | str:
    """Return its figure, or why there is none."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                contender.command, cwd=contender.folder, env={**os.environ, **contender.env}, stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return str(error)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            return str(error)
        finally:  # Ctrl-C too; workers of a contender would else go on, beside the next one
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        elapsed_s = time.perf_counter() - start
        output.seek(0)
        lines = [line for line in output.read().decode(errors="replace").splitlines() if line.strip()]
    if process.returncode:
        return f"exit status {process.returncode}: " + " | ".join(lines[-5:])[-1000:]
    if measure == "seconds":
        return elapsed_s
    try:
        return float(json.loads(lines[-1])["value"])
    except (IndexError, KeyError, TypeError, ValueError):
        return "no figure in its last line: " + " | ".join(lines[-2:])[-500:]


def print_figure(value: float) -> None:
    """End a contender's command with its figure."""
    sys.stdout.write(json.dumps({"value": value}) + "\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
