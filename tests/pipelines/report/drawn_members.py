"""Members of a drawn competition: two attributes, four classes, two images a person, Korean names throughout."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.datasets.last_ensemble import LastEnsemble
from podium.datasets.trained_members import TrainedMembers
from podium.pipelines.ensemble.members import Members
from podium.pipelines.report.members import Reported, lay_out
from podium.probabilities import make_table
from podium.vision.recipe import Recipe

Probabilities = npt.NDArray[np.float32]

N_GROUPS, N_TEST, N_CLASSES = 60, 12, 4
CLASSES = pd.DataFrame(
    {
        "label": range(N_CLASSES),
        "class_name": ["착용 남", "착용 여", "미착용 남", "미착용 여"],
        "target": [10, 11, 12, 13],
        "마스크": ["착용", "착용", "미착용", "미착용"],
        "성별": ["남", "여", "남", "여"],
    }
)
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "마스크": {"values": ["착용", "미착용"], "raw_column": None, "edges": []},
    "성별": {"values": ["남", "여"], "raw_column": None, "edges": []},
}
GOOD, POOR, MATE = "기본-0000000000aa", "작은것-0000000000bb", "teammate:민지"
PRESENT = {"split_digest": "0123456789ab", "content_digest": "ba9876543210"}


def draw_probabilities(rng: np.random.Generator, labels: npt.NDArray[np.int64], skill: float) -> Probabilities:
    logits = rng.normal(size=(len(labels), N_CLASSES)) + skill * np.eye(N_CLASSES)[labels]
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def draw_history(fold: int, n_epochs: int = 4) -> pd.DataFrame:
    epochs = np.arange(n_epochs)
    return pd.DataFrame(
        {
            "fold": fold, "epoch": epochs, "train_loss": 2.0 / (epochs + 1), "val_loss": 1.5 / (epochs + 1),
            "val_macro_f1": [0.2, 0.6, 0.4, 0.6][:n_epochs], "val_accuracy": [0.3, 0.5, 0.7, 0.6][:n_epochs],
            "lr": 1e-3, "images_per_s": 10.0, "elapsed_s": 1.0,
        }
    )  # fmt: skip


def draw_members() -> Members:
    """Three members; the one of a teammate has no history and no recipe."""
    rng = np.random.default_rng(0)
    n = 2 * N_GROUPS
    labels = rng.choice(N_CLASSES, n, p=[0.4, 0.3, 0.2, 0.1])
    images = pd.DataFrame(
        {
            "image_id": [f"학습/사람{i // 2:03d}_{i % 2}.jpg" for i in range(n)],
            "fold": np.arange(n) // 2 % 2,
            "label": labels,
            "group": [f"사람{i // 2:03d}" for i in range(n)],
        }
    )
    skills = {MATE: 1.0, GOOD: 2.5, POOR: 1.5}
    test_labels = rng.choice(N_CLASSES, N_TEST)
    tests = {name: draw_probabilities(rng, test_labels, skill) for name, skill in skills.items()}
    names = sorted(skills)
    oof = np.stack([draw_probabilities(rng, labels, skills[name]) for name in names])
    images.loc[::15, "label"] = (images["label"].iloc[::15] + 1) % N_CLASSES  # wrong labels, to be suspected
    return Members(
        names=names,
        oof=oof,
        load_test={name: lambda name=name: tests[name] for name in names},
        images=images,
        test_ids=pd.Series([f"시험/{i:02d}.jpg" for i in range(N_TEST)]),
        **PRESENT,
    )


def make_trained() -> TrainedMembers:
    """Histories of our two members; weights are nowhere."""
    partitions = [f"{name}/fold_{fold}" for name in (GOOD, POOR) for fold in (0, 1)]
    history = {name: lambda fold=int(name[-1]): draw_history(fold) for name in partitions}
    return TrainedMembers(oof=dict(history), test_probabilities=dict(history), history=history)


def make_ensemble(members: Members) -> LastEnsemble:
    """Half of each of our members, a little sharper than they are."""
    ours = [members.names.index(name) for name in (GOOD, POOR)]
    blended = members.oof[ours].mean(axis=0)
    sharp = blended**1.25
    sharp /= sharp.sum(axis=1, keepdims=True)
    ids = members.images["image_id"]
    test = np.mean([members.load_test[members.names[place]]() for place in ours], axis=0)
    return LastEnsemble(
        version="2026-01-31T09.15.00.000Z",
        oof=make_table(ids, 0, sharp).sample(frac=1, random_state=0),
        nested_oof=make_table(ids, 0, blended),
        probabilities=make_table(members.test_ids, -1, test),
        weights=pd.DataFrame({"member": [members.names[place] for place in ours], "weight": [0.5, 0.5]}),
        decision={"temperature": 0.8, "offsets": []},
        digests={**PRESENT, "weights_digest": "0"},
    )


def make_reported(
    *, with_ensemble: bool = True, only: Sequence[str] = (), recipes: Mapping[str, Recipe] | None = None
) -> Reported:
    """Lay members and, if asked for, the ensemble out; recipes by member stand in for weights."""
    members = draw_members()
    ensemble = make_ensemble(members) if with_ensemble else None
    if only:
        places = [members.names.index(name) for name in only]
        members = replace(members, names=list(only), oof=members.oof[places])
    reported = lay_out(members, make_trained(), ensemble, [], "macro_f1")
    headers = {
        name: {"recipe": recipes[name].model_dump(mode="json")} if recipes and name in recipes else None
        for name in reported.headers
    }
    return replace(reported, headers=headers)
