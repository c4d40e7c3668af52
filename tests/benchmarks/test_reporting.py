"""Results are told as JSON, as a table and as a plot."""

import json
from pathlib import Path

from PIL import Image

from benchmarks.harness import Bench, Contender, Outcome
from benchmarks.reporting import tabulate, write_results

CONTENDERS = [Contender("podium", ["ours"]), Contender("timm", ["theirs"]), Contender("fastai", ["others"])]
BENCH = Bench("path", "input path", "images/s", "higher", CONTENDERS, ["timm", "fastai"], 8.0)
REACHED = Outcome(BENCH, {"podium": [90.0, 100.0, 80.0], "timm": [10.0, 10.0, 10.0]}, {"fastai": "no such package"})
FAILED = Outcome(BENCH, {"timm": [10.0]}, {"podium": "exit status 1", "fastai": "no such package"})


def test_table_gives_medians_ratio_with_spread_and_who_failed() -> None:
    assert tabulate([REACHED, FAILED]).splitlines()[2:] == [
        "| input path, images/s | 90 | timm 10; fastai failed | 9.00 (8.00 to 10.00) | ≥ 8 | yes |",
        "| input path, images/s | failed | timm 10; podium failed; fastai failed | none | ≥ 8 | **no** |",
    ]


def test_results_hold_every_figure_and_the_machine(tmp_path: Path) -> None:
    write_results([REACHED, FAILED], {"commit": "abc"}, tmp_path / "결과")
    results = json.loads((tmp_path / "결과/results.json").read_text(encoding="utf-8"))
    assert results["machine"] == {"commit": "abc"}
    reached, failed = results["benches"]
    assert reached["contenders"]["podium"]["figures"] == [90.0, 100.0, 80.0]
    assert reached["contenders"]["timm"]["ratio"] == {"median": 9.0, "min": 8.0, "max": 10.0}
    assert reached["failures"] == {"fastai": "no such package"}
    assert (reached["has_reached"], failed["has_reached"], failed["ratio"]) == (True, False, None)
    assert (tmp_path / "결과/table.md").read_text(encoding="utf-8") == tabulate([REACHED, FAILED]) + "\n"
    assert Image.open(tmp_path / "결과/ratios.png").width > 500
