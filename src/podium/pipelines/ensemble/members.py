"""The members that fit the present competition and split, as arrays over the same images."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.ensembling.resampling import number_groups
from podium.errors import InputError, raise_if_any, suggest
from podium.pipelines.splitting.config import SplittingConfig
from podium.probabilities import to_matrix
from podium.teammates.members import HandedOverMember

logger = logging.getLogger(__name__)

Partitions = dict[str, Callable[[], pd.DataFrame]]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Members:
    """What the members say, and what is true.

    Attributes:
        names: Sorted.
        oof: float32 (n_members, n_images, n_classes): each image by models that did not see it.
        load_test: By name, what reads its probabilities on the test part, float32 (n_test_images, n_classes): the mean
            over the models of its folds.
        images: image_id (sorted), fold, label (true) and group, a row an image of ``oof``.
        test_ids: image_id of the test part, sorted.
        split_digest, content_digest: Of the split and the images that all members were made for.
    """

    names: list[str]
    oof: Probabilities
    load_test: dict[str, Callable[[], Probabilities]]
    images: pd.DataFrame
    test_ids: pd.Series
    split_digest: str
    content_digest: str

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """True labels, int64 (n_images,)."""
        return self.images["label"].to_numpy(np.int64)

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """Which images go right or wrong together, numbered from 0, int64 (n_images,)."""
        return number_groups(self.images["group"])


def find_members(
    oof: Partitions, test_probabilities: Partitions, history: Partitions, present: dict[str, str], held_out: list[int]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Read the out-of-fold tables of all members that are whole and of the present split.

    Args:
        oof, test_probabilities, history: Tables of all members, by ``<member>/fold_<k>``; a member is whole when each
            held-out fold has all three.
        present: See :func:`~podium.pipelines.training.member.digest_present`.
        held_out: The folds that a member must have.

    Returns:
        By name, sorted, the member's table of all held-out images sorted by image_id; and a line on each member that
        does not fit, with what it lacks.
    """
    found, misfits = {}, []
    for member in sorted({partition.rsplit("/", 1)[0] for partition in oof}):
        partitions = [f"{member}/fold_{fold}" for fold in held_out]
        missing = [name for name in partitions if not (name in oof and name in test_probabilities and name in history)]
        if missing:
            misfits.append(f"{member}: not finished, {', '.join(missing)} missing")
            continue
        table = pd.concat([oof[name]() for name in partitions])
        attribute = table.attrs.get("attribute")
        other = [
            f"{key} {table.attrs.get(key)}, not {value}"
            for key, value in present.items()
            if table.attrs.get(key) != value
        ]
        if attribute is not None:
            misfits.append(f"{member}: knows the attribute '{attribute}' alone; a recipe that joins it takes part")
        elif other:
            misfits.append(f"{member}: made for another split, other images or other labels ({'; '.join(other)})")
        else:
            found[member] = table.sort_values("image_id", ignore_index=True)
    return found, misfits


def describe_images(
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    copies: pd.DataFrame,
    splitting: SplittingConfig,
) -> pd.DataFrame:
    """List the images that members are scored on: image_id (sorted), fold, label (true) and group (int64).

    Copies of a picture are of one group, as they are for the folds.
    """
    from podium.copies.sets import join_groups

    train = images[images["subset"] == "train"].sort_values("image_id", ignore_index=True)
    groups = train[["image_id"]].assign(group=join_groups(train, copies))
    held_out = splitting.held_out_folds
    rows = folds.loc[folds["fold"].isin(held_out), ["image_id", "fold"]].sort_values("image_id", ignore_index=True)
    rows = rows.merge(targets[["image_id", "label"]], on="image_id", how="left")
    return rows.merge(groups, on="image_id", how="left")


def list_test_ids(images: pd.DataFrame) -> pd.Series:
    """List image_id of the test part, sorted."""
    return images.loc[images["subset"] == "test", "image_id"].sort_values(ignore_index=True)


def name_handed_over(name: str) -> str:
    """Name a teammate's member so that it is never taken for one of our own."""
    return f"teammate:{name}"


def make_members(
    found: dict[str, pd.DataFrame],
    handed_over: Sequence[HandedOverMember],
    test_probabilities: Partitions,
    described: pd.DataFrame,
    test_ids: pd.Series,
    present: dict[str, str],
) -> Members:
    """Lay members over the same images.

    Args:
        found: Our own; see :func:`find_members`.
        handed_over: By teammates; at least one of either.
        test_probabilities: Of our own, by ``<member>/fold_<k>``; read when asked for.
        described: See :func:`describe_images`.
        test_ids: See :func:`list_test_ids`.
        present: See :func:`~podium.pipelines.training.member.digest_present`.
    """
    held_out = sorted(described["fold"].unique())
    oof = {name: to_matrix(table) for name, table in found.items()}
    load_test: dict[str, Callable[[], Probabilities]] = {
        name: partial(_average_folds, name, test_probabilities, held_out) for name in found
    }
    for member in handed_over:
        name = name_handed_over(member.name)
        oof[name], load_test[name] = member.oof, partial(np.asarray, member.test)
    names = sorted(oof)
    return Members(
        names=names,
        oof=np.stack([oof[name] for name in names]),
        load_test={name: load_test[name] for name in names},
        images=described,
        test_ids=test_ids,
        **present,
    )


def require_members(names: list[str], misfits: list[str], leave_out: tuple[str, ...]) -> list[str]:
    """Return the names that take part.

    Raises:
        InputError: ``leave_out`` names no member, or none is left; each that does not fit is listed.
    """
    raise_if_any(
        "There is nothing to leave out:",
        [f"ensemble.leave_out: there is no member '{name}'; {suggest(name, names)}" for name in leave_out
         if name not in names and not any(misfit.startswith(f"{name}: ") for misfit in misfits)],
    )  # fmt: skip
    for misfit in misfits:
        logger.info("left out of the ensemble: %s", misfit)
    kept = [name for name in names if name not in leave_out]
    if not kept:
        left = [*misfits, *(f"{name}: ensemble.leave_out names it" for name in leave_out)]
        raise InputError("There is no member to make an ensemble of; train one first:", left or ["none was trained"])
    return kept


def _average_folds(member: str, test_probabilities: Partitions, held_out: list[int]) -> Probabilities:
    """Average a member's models on the test part, float32 (n_test_images, n_classes), by sorted image_id."""
    total = np.zeros((), np.float64)
    for fold in held_out:
        total = total + to_matrix(test_probabilities[f"{member}/fold_{fold}"]().sort_values("image_id"))
    return np.asarray(total / len(held_out), dtype=np.float32)
