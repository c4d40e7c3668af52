"""From the bytes of pictures to probabilities of classes, by the very path that the submission took."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from podium.ensembling.decisions import Decision
from podium.errors import raise_if_any
from podium.packing.contents import Contents, PackedMember, read_contents
from podium.packing.scorer import Scorer, load_scorer
from podium.vision.attributes import join_attributes, spread_over_classes
from podium.vision.decoding import UnreadableImage, decode_image
from podium.vision.preparation import prepare_image

Probabilities = npt.NDArray[np.float32]
Prepared = dict[str, torch.Tensor]
"""By way of preparation, uint8 (batch, height, width, 3)."""

BATCH_SIZE = 32


class Predictor:
    """A packed model, ready to answer.

    Args:
        folder: Holds ``contents.json`` and the weights that it names.
        device: Where networks run; None takes a GPU when there is one.

    Attributes:
        contents: What the folder holds.
    """

    def __init__(self, folder: Path, device: torch.device | None = None):
        self.contents: Contents = read_contents(folder)
        self._device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._scorers: dict[tuple[str, int], Scorer] = {
            (name, fold): load_scorer(folder / file).to(self._device) for name, fold, file in self.contents.list_files()
        }
        self._specs = {scorer.spec.preparation: scorer.spec for scorer in self._scorers.values()}

    @torch.inference_mode()
    def predict(self, files: Sequence[bytes]) -> Probabilities:
        """Say how probable each class is.

        Args:
            files: The bytes of image files, of any format that ingestion takes.

        Returns:
            float32 (n, n_classes), rows summing to 1: after temperature and offsets, so that the largest is the answer.

        Raises:
            InputError: Files cannot be read; each is listed by its place, counted from 0, with what is wrong.
        """
        parts: list[npt.NDArray[np.float64]] = [np.zeros((0, len(self.contents.classes)))]
        faults: list[str] = []
        for start in range(0, len(files), BATCH_SIZE):
            images = self._decode(files[start : start + BATCH_SIZE], start, faults)
            if not faults:
                parts.append(self._blend(self._prepare(images)))
        raise_if_any("Pictures cannot be read:", faults)
        decision = Decision(self.contents.temperature, self.contents.offsets)
        return decision.apply(np.concatenate(parts)).astype(np.float32)

    def _decode(self, files: Sequence[bytes], start: int, faults: list[str]) -> list[npt.NDArray[np.uint8]]:
        """Decode each picture once; a line goes to ``faults`` for each that cannot be read."""
        images = []
        for place, data in enumerate(files, start):
            try:
                images.append(decode_image(data, self.contents.max_pixels))
            except UnreadableImage as error:
                faults.append(f"image {place}: {error}")
        return images

    def _prepare(self, images: Sequence[npt.NDArray[np.uint8]]) -> Prepared:
        """Bring pictures to every size that a network wants."""
        return {
            preparation: torch.from_numpy(np.stack([prepare_image(image, spec) for image in images])).to(self._device)
            for preparation, spec in self._specs.items()
        }

    def _blend(self, prepared: Prepared) -> npt.NDArray[np.float64]:
        """Average what the members say by weight, float64 (batch, n_classes)."""
        blended = np.zeros(())
        for member in self.contents.members:
            blended = blended + member.weight * self._average_folds(member, prepared)
        return np.asarray(blended, dtype=np.float64)

    def _average_folds(self, member: PackedMember, prepared: Prepared) -> Probabilities:
        total = np.zeros((), np.float64)
        for fold in self.contents.folds:
            total = total + self._ask(member, fold, prepared)
        return np.asarray(total / len(self.contents.folds), dtype=np.float32)

    def _ask(self, member: PackedMember, fold: int, prepared: Prepared) -> Probabilities:
        """Let one fold of a member speak, float32 (batch, n_classes)."""
        said = []
        for network in member.networks:
            scorer = self._scorers[network.name, fold]
            probabilities = scorer(prepared[scorer.spec.preparation]).cpu().numpy()
            values = network.values
            said.append(probabilities if values is None else spread_over_classes(probabilities, np.array(values)))
        return join_attributes(said) if member.is_join else said[0]
