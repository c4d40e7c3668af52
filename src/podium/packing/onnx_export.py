"""A trained network as ONNX, for whatever runs without torch; and the proof that it says the same."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from podium.packing.scorer import Scorer

IMAGES, PROBABILITIES = "images", "probabilities"
"""Names of the graph's input, uint8 (batch, height, width, 3), and of its output, float32 (batch, n_classes)."""

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


def export_scorer(scorer: Scorer) -> bytes:
    """Turn a network, with its normalisation, softmax and views, into one ONNX graph for batches of any size.

    Args:
        scorer: On a CPU.

    Raises:
        Exception: Torch's exporter knows an operation of the network not; it has many ways to say so.
    """
    example = torch.zeros(2, *scorer.spec.size_px, 3, dtype=torch.uint8)
    with _quiet_exporter():
        program = torch.onnx.export(
            scorer,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=[IMAGES],
            output_names=[PROBABILITIES],
            verbose=False,
        )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


def run_exported(model: bytes, images: Images) -> Probabilities:
    """Let ONNX Runtime answer pictures that are prepared already, on a CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    probabilities: Probabilities = session.run([PROBABILITIES], {IMAGES: images})[0]
    return probabilities


@torch.inference_mode()
def run_torch(scorer: Scorer, images: Images) -> Probabilities:
    """Let the network itself answer the same pictures."""
    probabilities: Probabilities = scorer(torch.from_numpy(images)).numpy()
    return probabilities


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep what the exporter says of its own parts, which nobody can do anything about."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            exporter.setLevel(level)
