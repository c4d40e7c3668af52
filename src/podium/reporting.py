"""The last lines of a run: scores, and the addresses of what to look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DataCatalog

from podium.ensembling.criteria import name_criterion


def describe_results(catalog: DataCatalog, outputs: set[str]) -> Iterator[str]:
    """Yield a line for each result among ``outputs``; the submission, or that there is none, comes last."""
    if "ensemble_scores" in outputs:
        scores = catalog.load("ensemble_scores")
        yield from tabulate_scores(catalog.load("ensemble_weights"), scores).splitlines()
        yield describe_expected(scores["expected_private"])
    for name in (
        "class_counts_picture",
        "image_sizes_picture",
        "class_sheet",
        "policy_sheet",
        "subset_differences_picture",
        "adversarial_picture",
        "test_like_sheet",
        "by_class",
        "confusion_picture",
        "attribute_confusion_picture",
        "contact_sheet",
        "copies_sheet",
        "worst_images",
        "lr_curve_picture",
        "sweep_effects_picture",
        "sweep_importances_picture",
        "sweep_history_picture",
        "agreement_picture",
        "contested_images",
        "compare_page",
        "submission_page",
        "ledger_page",
        "report_page",
    ):
        if name in outputs:
            yield f"{name.replace('_', ' ')}: {_shorten(_locate(catalog[name]))}"
    if outputs:
        yield "look closer: make ui (MLflow and kedro-viz in a browser)"
    for name in sorted({"submission", "compare_submission"} & outputs):
        from podium.datasets.submission import SubmissionDataset

        dataset = catalog[name]
        assert isinstance(dataset, SubmissionDataset)
        written = dataset.find_written()
        told = f"{name.replace('_', ' ')}: {_shorten(written)}" if written else None
        yield told or "there is no test part, so there is nothing to submit"


def tabulate_scores(weights: pd.DataFrame, scores: dict[str, Any]) -> str:
    """Lay members, ensemble, attributes and chance out as a table of text."""
    rows = [(row.member, f"{row.weight:.3f}", row.macro_f1, row.accuracy, row.n_images) for row in weights.itertuples()]
    rows.append(("ensemble", "", scores["macro_f1"], scores["accuracy"], scores["n_images"]))
    rows += [(f"  {name}", "", s["macro_f1"], s["accuracy"], s["n_images"]) for name, s in scores["attributes"].items()]
    nested = scores["nested"]
    rows.append(("ensemble, nested", "", nested["macro_f1"], nested["accuracy"], nested["n_images"]))
    rows.append(("chance", "", scores["chance_macro_f1"], None, scores["n_images"]))
    width = max(len(str(row[0])) for row in rows)
    lines = [f"{'out of fold':<{width}}  weight  macro F1  accuracy  images"]
    for name, weight, f1, accuracy, n_images in rows:
        shown = "" if accuracy is None else f"{accuracy:.4f}"
        lines.append(f"{name:<{width}}  {weight:>6}  {f1:>8.4f}  {shown:>8}  {n_images:>6}")
    return "\n".join(lines)


def describe_expected(expected: dict[str, Any]) -> str:
    """Tell the score to expect on the private part, and its interval."""
    criterion = name_criterion(expected["criterion"])
    interval = f"{expected['low']:.4f} to {expected['high']:.4f}"
    return f"to expect on {expected['n_images']} private images: {criterion} {expected['score']:.4f} ({interval})"


def _locate(dataset: Any) -> Any:
    """Return the path of what a dataset holds now, or will hold."""
    if getattr(dataset, "_version", None):
        return dataset._get_load_path()
    return vars(dataset).get("_filepath") or vars(dataset)["_root"]


def _shorten(path: Any) -> str:
    """Show a path below the working directory without it."""
    path = Path(str(path))
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.as_posix()
