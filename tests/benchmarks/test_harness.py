"""A bench runs its contenders in turn, and compares round by round."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from benchmarks.harness import Bench, Contender, Outcome, print_figure, run_bench

PRINTING = "import sys; print('by the way'); print('{\"value\": ' + sys.argv[1] + '}')"


def printing(name: str, value: float) -> Contender:
    return Contender(name, [sys.executable, "-c", PRINTING, str(value)])


def noting(name: str, notes: Path) -> Contender:
    code = f"open(r'{notes}', 'a', encoding='utf-8').write('{name} '); print('{{\"value\": 1}}')"
    return Contender(name, [sys.executable, "-c", code])


def bench(contenders: Sequence[Contender], **changes: Any) -> Bench:
    names = [contender.name for contender in contenders if contender.name != "podium"]
    values = {"unit": "images/s", "better": "higher", "bound": 1.0, "against": names, **changes}
    return Bench("speed", "speed", contenders=contenders, **values)


def outcome(figures: dict[str, list[float]], better: Literal["higher", "lower"], bound: float) -> Outcome:
    contenders = [printing(name, 0.0) for name in figures]
    return Outcome(bench(contenders, better=better, bound=bound), figures, {})


def test_last_line_gives_the_figure() -> None:
    assert run_bench(bench([printing("podium", 3.5), printing("other", 2.0)]), 2).figures == {
        "podium": [3.5, 3.5],
        "other": [2.0, 2.0],
    }


def test_rounds_are_interleaved_and_another_goes_first_each_time(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    run_bench(bench([noting(name, notes) for name in ("podium", "b", "c")]), 3)
    assert notes.read_text().split() == ["podium", "b", "c", "b", "c", "podium", "c", "podium", "b"]


def test_whole_commands_are_timed_whatever_they_print() -> None:
    slow = Contender("podium", [sys.executable, "-c", "import time; time.sleep(0.3); print('no figure')"])
    (figure,) = run_bench(bench([slow], measure="seconds"), 1).figures["podium"]
    assert 0.3 <= figure < 30


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise SystemExit('no such package')", "exit status 1: no such package"),
        ("print('hello')", "no figure in its last line: hello"),
        ("pass", "no figure in its last line: "),
    ],
)
def test_contender_that_fails_is_left_out_and_says_why(code: str, told: str) -> None:
    broken = Contender("broken", [sys.executable, "-c", code])
    result = run_bench(bench([printing("podium", 1.0), broken]), 2)
    assert result.failures == {"broken": told}
    assert result.figures == {"podium": [1.0, 1.0]}
    assert not result.has_reached


def test_command_that_is_not_there_is_a_failure() -> None:
    missing = Contender("missing", ["no-such-command-anywhere"])
    assert "no-such-command-anywhere" in run_bench(bench([missing]), 1).failures["missing"]


def test_contender_that_takes_too_long_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    grandchild = f"import time, pathlib; time.sleep(2); pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    stopped = run_bench(bench([Contender("podium", [sys.executable, "-c", code])]), 1, timeout_s=0.5)
    assert "timed out" in stopped.failures["podium"]
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()


def test_ratio_is_with_the_best_of_each_round() -> None:
    figures = {"podium": [8.0, 8.0], "a": [2.0, 4.0], "b": [4.0, 1.0]}
    assert outcome(figures, "higher", 1.0).ratios() == [2.0, 2.0]
    assert outcome(figures, "lower", 1.0).ratios() == [4.0, 8.0]
    assert outcome(figures, "lower", 1.0).ratios("a") == [4.0, 2.0]


@pytest.mark.parametrize(
    ("better", "ours", "has_reached"),
    [("higher", 1.9, False), ("higher", 2.0, True), ("lower", 2.0, True), ("lower", 2.1, False)],
)
def test_median_ratio_decides(better: Literal["higher", "lower"], ours: float, has_reached: bool) -> None:
    figures = {"podium": [100.0, ours, 0.0], "other": [1.0, 1.0, 1.0]}
    assert outcome(figures, better, 2.0).has_reached is has_reached


def test_figure_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_figure(12.5)
    assert capsys.readouterr().out == '{"value": 12.5}\n'
