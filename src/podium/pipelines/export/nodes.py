"""Export each network of a packed model, and prove each on pictures of the competition."""

import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from podium.competitions.config import Competition
from podium.errors import InputError, raise_if_any
from podium.packing.contents import Contents, find_contents, read_contents
from podium.pipelines.export.config import ExportConfig

if TYPE_CHECKING:
    from podium.packing.scorer import Scorer

logger = logging.getLogger(__name__)

NEEDED = ("onnx", "onnxruntime", "onnxscript")


def export_networks(
    packed_model: Path, images: pd.DataFrame, competition: Competition, export: ExportConfig
) -> Iterator[dict[str, dict[str, Any]]]:
    """Export the networks of every member and fold, each once it is proven.

    Args:
        packed_model: The folder of the packed model.
        images: image_id, subset and path; pictures of the test part where there is one.
        competition: Its root.
        export: How many pictures, and how far answers may differ.

    Yields:
        onnx_models: the file's bytes, and onnx_parity: n_images, largest_difference, n_other_classes; each by
        ``<network>/fold_<k>``.

    Raises:
        InputError: What exports is not installed; or networks cannot be exported, or their exports answer otherwise:
            all of these are listed, once the others are saved.
    """
    from podium.packing.scorer import load_scorer

    raise_if_any(
        "What exports ONNX is not installed:",
        [f"{name}: pip install onnx onnxruntime onnxscript" for name in NEEDED if find_spec(name) is None],
    )
    folder = find_contents(packed_model)
    contents = read_contents(folder)
    files = [Path(competition.root) / path for path in choose_pictures(images, export.n_images)]
    faults: list[str] = []
    for name, fold, file in contents.list_files():
        partition = f"{name}/fold_{fold}"
        scorer = load_scorer(folder / file)
        try:
            model, parity = export_and_compare(scorer, files, contents, export)
        except InputError as error:
            faults += [f"{partition}: {case}" for case in error.cases]
            continue
        logger.info("exported %s; probabilities differ by at most %.1e", partition, parity["largest_difference"])
        yield {"onnx_models": {partition: model}, "onnx_parity": {partition: parity}}
    raise_if_any("Networks were not exported:", faults)


def export_and_compare(
    scorer: "Scorer", files: Sequence[Path], contents: Contents, export: ExportConfig
) -> tuple[bytes, dict[str, Any]]:
    """Export one network and hold its answers against the network's own.

    Returns:
        The file's bytes; and n_images, largest_difference (of any probability) and n_other_classes (0).

    Raises:
        InputError: The exporter does not know an operation of the backbone, or answers differ.
    """
    from podium.packing.onnx_export import export_scorer, run_exported, run_torch
    from podium.vision.decoding import decode_image
    from podium.vision.preparation import prepare_image

    try:
        model = export_scorer(scorer)
    except Exception as error:  # the exporter has many ways to say so
        told = " ".join(str(error).split())[:200]
        raise InputError("A network cannot be exported:", [f"its backbone has no ONNX form: {told}"]) from error
    pictures = [decode_image(file.read_bytes(), contents.max_pixels) for file in files]
    prepared = np.stack([prepare_image(picture, scorer.spec) for picture in pictures])
    ours, theirs = run_torch(scorer, prepared), run_exported(model, prepared)
    largest = float(np.abs(ours - theirs).max())
    n_other = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    if largest > export.max_difference or n_other:
        case = f"probabilities differ by up to {largest:.1e}, not {export.max_difference:.1e}, and {n_other} classes"
        raise InputError("An exported network answers otherwise:", [case])
    return model, {"n_images": len(files), "largest_difference": largest, "n_other_classes": n_other}


def choose_pictures(images: pd.DataFrame, n_images: int) -> list[str]:
    """Choose pictures evenly over the sorted ids of the test part, or of the training part where there is none."""
    test = images[images["subset"] == "test"]
    known = (images if test.empty else test).sort_values("image_id")["path"].tolist()
    places = np.unique(np.linspace(0, len(known) - 1, min(n_images, len(known))).round().astype(int))
    return [known[place] for place in places]
