"""Everything that has a say in the report: trained members, those of teammates, and the last ensemble."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from kedro.io.core import DatasetError

from podium.datasets.last_ensemble import LastEnsemble
from podium.datasets.trained_members import TrainedMembers
from podium.ensembling.criteria import Criterion, score
from podium.ensembling.decisions import Decision
from podium.ensembling.selection import blend
from podium.pipelines.ensemble.members import Members
from podium.probabilities import to_matrix

ENSEMBLE = "ensemble"
"""Its name among the members, none of which can be called so: theirs end in a digest or begin with ``teammate:``."""

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SAME_BLEND = 1e-3
"""Two probabilities closer than this are the same but for rounding, in files and on other processors."""


@dataclass(frozen=True)
class ReportedEnsemble:
    """The last ensemble, over the images of :class:`Reported`.

    Attributes:
        handed_in: float32 (n_images, n_classes): by weights, temperature and offsets that were chosen on these very
            images. Flattered.
        nested: The same, each image by a choice that did not see it.
        uncalibrated: The blend by the same weights before temperature and offsets; None where a member of it is gone.
        test: float32 (n_test_images, n_classes).
        temperature: Which logarithms of probabilities are divided by.
        weights: By member.
    """

    handed_in: Probabilities
    nested: Probabilities
    uncalibrated: Probabilities | None
    test: Probabilities
    temperature: float
    weights: dict[str, float]


@dataclass(frozen=True)
class Reported:
    """Who is reported, what they say, and what is true.

    Attributes:
        members: Those that fit the present split and images.
        order: Their names, best first by the criterion, the first of equals by name.
        ensemble: The last one where it fits; else None.
        main: Who speaks first on the page: the ensemble, or the best member where there is none.
        headers: What the weights of each member of ours say of it; None where they are gone.
        histories: The epochs of each member of ours.
        notes: What the reader has to know of what is missing, in sentences.
    """

    members: Members
    order: list[str]
    ensemble: ReportedEnsemble | None
    main: str
    headers: dict[str, dict[str, Any] | None]
    histories: dict[str, pd.DataFrame]
    notes: list[str]

    @property
    def labels(self) -> Labels:
        """True labels of the images that were held out, int64 (n_images,)."""
        return self.members.labels

    @property
    def speakers(self) -> list[str]:
        """Names of all whose probabilities are shown: the ensemble first, then the members, best first."""
        return [ENSEMBLE, *self.order] if self.ensemble else list(self.order)

    def get_oof(self, name: str) -> Probabilities:
        """Return what a speaker says of the held-out images, float32 (n_images, n_classes); never flattered."""
        if name == ENSEMBLE:
            assert self.ensemble is not None
            return self.ensemble.nested
        return self.members.oof[self.members.names.index(name)]

    def get_test(self, name: str) -> Probabilities:
        """Return what a speaker says of the test part, float32 (n_test_images, n_classes), by sorted image_id."""
        if name == ENSEMBLE:
            assert self.ensemble is not None
            return self.ensemble.test
        return self.members.load_test[name]()


def lay_out(
    members: Members, trained: TrainedMembers, ensemble: LastEnsemble | None, misfits: list[str], criterion: Criterion
) -> Reported:
    """Bring members and ensemble together.

    Args:
        members: Those that fit.
        trained: Where the members of ours have their histories and weights.
        ensemble: The last one, whether or not it fits.
        misfits: A line on each member that does not fit.
        criterion: What members are ordered by.
    """
    reached = np.array([score(oof, members.labels, criterion) for oof in members.oof])
    order = [members.names[place] for place in np.argsort(-reached, kind="stable")]  # names are sorted
    fitting, notes = _fit_ensemble(ensemble, members)
    held_out = sorted(members.images["fold"].unique())
    headers: dict[str, dict[str, Any] | None] = {}
    histories = {}
    for name in order:
        partitions = [f"{name}/fold_{fold}" for fold in held_out]
        if all(partition in trained.history for partition in partitions):
            histories[name] = pd.concat([trained.history[partition]() for partition in partitions], ignore_index=True)
            headers[name], damaged = _read_header(trained, partitions)
            notes += damaged
    return Reported(
        members=members,
        order=order,
        ensemble=fitting,
        main=ENSEMBLE if fitting else order[0],
        headers=headers,
        histories=histories,
        notes=[*notes, *(f"Left out: {misfit}." for misfit in misfits)],
    )


def _read_header(trained: TrainedMembers, partitions: list[str]) -> tuple[dict[str, Any] | None, list[str]]:
    """Return what a member's weights say of it, by the first fold that can be read; and a note where one cannot."""
    header, damaged = None, []
    for partition in partitions:
        try:
            read = trained.load_header(partition)
        except DatasetError:
            damaged.append(partition)
        else:
            header = header or read
    told = "are damaged: Podium did not write them, or not to the end"
    return header, [f"The weights of {partition} {told}." for partition in damaged]


def _fit_ensemble(ensemble: LastEnsemble | None, members: Members) -> tuple[ReportedEnsemble | None, list[str]]:
    """Lay the last ensemble over the members' images; say why where that cannot be."""
    if ensemble is None:
        return None, ["There is no ensemble yet; kedro run --pipeline ensemble makes one of these members."]
    present = {"split_digest": members.split_digest, "content_digest": members.content_digest}
    ids, test_ids = members.images["image_id"], members.test_ids
    handed_in, nested = _align(ensemble.oof, ids), _align(ensemble.nested_oof, ids)
    test = _align(ensemble.probabilities, test_ids)
    is_present = all(ensemble.digests.get(key) == value for key, value in present.items())
    if not is_present or handed_in is None or nested is None or test is None:
        told = "The last ensemble was made for another split or other images, so it is left out;"
        return None, [f"{told} kedro run --pipeline ensemble makes a new one."]
    if not ensemble.is_of_one_run:
        told = "was stopped halfway: its nested table is not of the run that wrote its weights;"
        return None, [f"The last ensemble {told} kedro run --pipeline ensemble makes a new one."]
    weights = dict(zip(ensemble.weights["member"], ensemble.weights["weight"].astype(float), strict=True))
    gone = sorted(set(weights) - set(members.names))
    notes = [f"The ensemble was made of members that are gone: {', '.join(gone)}."] if gone else []
    of_member = np.array([weights.get(name, 0.0) for name in members.names])
    if not gone and not _is_blend(ensemble, members, of_member, handed_in):
        told = "is not what its weights make of its members: it was stopped halfway, or they were trained anew since;"
        return None, [f"The last ensemble {told} kedro run --pipeline ensemble makes a new one."]
    return ReportedEnsemble(
        handed_in=handed_in,
        nested=nested,
        uncalibrated=None if gone else Decision().apply(blend(members.oof, of_member)).astype(np.float32),
        test=test,
        temperature=float(ensemble.decision["temperature"]),
        weights=weights,
    ), notes


def _is_blend(ensemble: LastEnsemble, members: Members, of_member: Floats, handed_in: Probabilities) -> bool:
    """Tell whether tables without versions and the weights beside them, which have some, are of one run."""
    decision = Decision(float(ensemble.decision["temperature"]), tuple(ensemble.decision["offsets"]))
    return bool(np.allclose(decision.apply(blend(members.oof, of_member)), handed_in, rtol=0.0, atol=SAME_BLEND))


def _align(table: pd.DataFrame, image_ids: pd.Series) -> Probabilities | None:
    """Return a table's probabilities in the order of the ids; None where it is not of just these images."""
    if len(table) != len(image_ids) or set(table["image_id"]) != set(image_ids):
        return None
    return to_matrix(table.set_index("image_id").loc[image_ids])
