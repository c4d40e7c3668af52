"""Results as JSON, as a table and as a plot."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.harness import OURS, Outcome

REACHED, MISSED = "#0072B2", "#D55E00"  # of the Okabe-Ito palette, apart for every kind of sight


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Put an outcome into plain values: medians, ratios with their spread, every figure."""
    bench = outcome.bench
    return {
        "bench": bench.name,
        "title": bench.title,
        "unit": bench.unit,
        "better": bench.better,
        "bound": bench.bound,
        "has_reached": outcome.has_reached,
        "ratio": _spread(outcome.ratios()),
        "contenders": {
            name: {
                **(_spread(values) or {}),
                "figures": values,
                "ratio": _spread(outcome.ratios(name)) if name != OURS else None,
                "command": list(next(c.command for c in bench.contenders if c.name == name)),
            }
            for name, values in outcome.figures.items()
        },
        "failures": outcome.failures,
    }


def tabulate(outcomes: Sequence[Outcome]) -> str:
    """Make the Markdown table of medians and ratios."""
    lines = ["| bench | ours | others | ratio (spread) | must reach | |", "| --- | --- | --- | --- | --- | --- |"]
    for outcome in outcomes:
        bench, ratios = outcome.bench, outcome.ratios()
        medians = {name: f"{statistics.median(values):.4g}" for name, values in outcome.figures.items() if values}
        others = "; ".join(f"{name} {text}" for name, text in medians.items() if name != OURS)
        failed = "; ".join(f"{name} failed" for name in outcome.failures)
        sign = "≥" if bench.better == "higher" else "≤"
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "none"
        lines.append(
            f"| {bench.title}, {bench.unit} | {medians.get(OURS, 'failed')} | "
            f"{'; '.join(filter(None, (others, failed)))} | {told} | {sign} {bench.bound:g} | "
            f"{'yes' if outcome.has_reached else '**no**'} |"
        )
    return "\n".join(lines)


def write_results(outcomes: Sequence[Outcome], machine: dict[str, Any], folder: Path) -> None:
    """Write ``results.json``, ``table.md`` and ``ratios.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine, "benches": [summarise(outcome) for outcome in outcomes]}
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(tabulate(outcomes) + "\n", encoding="utf-8")
    draw_ratios(outcomes, folder / "ratios.png")


def draw_ratios(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw each bench's ratio and its spread as a share of what it has to reach; right of the line is good."""
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.45 * len(outcomes)), layout="constrained")
    for row, outcome in enumerate(outcomes):
        shares = [_share_of_bound(outcome, ratio) for ratio in outcome.ratios()]
        if not shares:
            continue
        colour, middle = (REACHED if outcome.has_reached else MISSED), statistics.median(shares)
        axes.plot([min(shares), max(shares)], [row, row], color=colour, linewidth=3, alpha=0.5)
        axes.plot([middle], [row], "o" if outcome.has_reached else "X", color=colour, markersize=9)
        axes.annotate(f"{middle:.2f}", (middle, row), (0, 8), textcoords="offset points", ha="center", fontsize=9)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(outcomes)), [outcome.bench.title for outcome in outcomes])
    axes.set_ylim(len(outcomes) - 0.4, -0.8)
    axes.set_xlabel("ratio as a share of what it must reach (median and range of rounds; right of 1: reached)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _share_of_bound(outcome: Outcome, ratio: float) -> float:
    return ratio / outcome.bench.bound if outcome.bench.better == "higher" else outcome.bench.bound / ratio


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
