"""What is packed is what the ensemble is made of; what is missing is named before anything is written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from packing.drawn_model import make_contents
from podium.datasets.last_ensemble import LastEnsemble
from podium.datasets.trained_members import TrainedMembers
from podium.datasets.weights import WeightsDataset
from podium.digests import digest_probabilities
from podium.errors import InputError
from podium.packing import registering
from podium.packing.contents import FOLDER_KEY, write_contents
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.register.config import RegistryConfig
from podium.pipelines.register.nodes import pack_model, register_model
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_present
from podium.probabilities import make_table

CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["가", "나"], "target": [10, 20], "mask": ["wear", "normal"]})
ATTRIBUTES = {"mask": {"values": ["normal", "wear"], "raw_column": None}}
IDS = pd.Series(["a", "b", "c", "d"])
IMAGES = pd.DataFrame({"image_id": IDS, "subset": "train", "label": [0, 1, 0, 1], "sha256": list("wxyz")})
FOLDS = pd.DataFrame({"image_id": IDS, "fold": [0, 0, 1, 1]})
TARGETS = pd.DataFrame({"image_id": IDS, "label": [0, 1, 0, 1]})
PRESENT = digest_present(IMAGES, FOLDS)
SPLITTING, INGESTION = SplittingConfig(n_folds=2), IngestionConfig(store_dir="x", max_pixels=1234)


def make_oof(right: int) -> pd.DataFrame:
    """Say the true class of the first ``right`` images, and the other one of the rest."""
    said = np.where(np.arange(4) < right, TARGETS["label"], 1 - TARGETS["label"])
    table = make_table(IDS, 0, np.eye(2, dtype=np.float32)[said] * 0.8 + 0.1).assign(fold=FOLDS["fold"])
    table.attrs.update(PRESENT)
    return table


def train(folder: Path, *members: tuple[str, dict[str, Any], list[str]]) -> TrainedMembers:
    """Write what members leave behind: name, leaves of the recipe, and sources of each."""
    trained = TrainedMembers()
    for name, recipe, sources in members:
        for fold in (0, 1):
            partition = f"{name}/fold_{fold}"
            header = {"member": {"name": name, "sources": sources}, "recipe": {"join": [], "attribute": None, **recipe}}
            path = folder / partition / "weights.safetensors"
            WeightsDataset(filepath=path.as_posix()).save({"tensors": {"w": torch.ones(1)}, "header": header})
            trained.weights[partition] = path
            table = make_oof(3)[FOLDS["fold"] == fold]
            table.attrs.update(PRESENT)
            trained.oof[partition] = lambda table=table: table
    return trained


def blend(weights: dict[str, float], **digests: str) -> LastEnsemble:
    table = pd.DataFrame({"member": list(weights), "weight": list(weights.values())})
    decision = {"temperature": 1.5, "offsets": [0.1, -0.1], "log_loss_before": 1.0, "log_loss_after": 1.0}
    known = {**PRESENT, "weights_digest": "0a1b", **digests}
    return LastEnsemble("2026-01-31T09.15.00.000Z", make_oof(4), make_oof(2), make_oof(4), table, decision, known)


def pack(trained: TrainedMembers, ensemble: LastEnsemble | None, what: str = "ensemble") -> Any:
    return pack_model(
        trained, ensemble, IMAGES, FOLDS, TARGETS, CLASSES, ATTRIBUTES, "대회", SPLITTING, INGESTION,
        RegistryConfig(what=what),
    )  # fmt: skip


def test_ensemble_is_packed_with_its_weights_decision_classes_and_nested_scores(tmp_path: Path) -> None:
    trained = train(tmp_path, ("큰-0a", {}, []), ("작은-1b", {}, []), ("남-2c", {}, []))
    contents = pack(trained, blend({"큰-0a": 0.75, "작은-1b": 0.25}))
    assert [(member.name, member.weight) for member in contents.members] == [("큰-0a", 0.75), ("작은-1b", 0.25)]
    assert (contents.temperature, contents.offsets, contents.folds) == (1.5, (0.1, -0.1), (0, 1))
    assert [(one.label, one.class_name, one.target) for one in contents.classes] == [(0, "가", 10), (1, "나", 20)]
    assert contents.max_pixels == 1234
    assert contents.members[0].networks[0].weights[1] == str(tmp_path / "큰-0a/fold_1/weights.safetensors")
    assert float(contents.about["oof_accuracy"]) == 0.5
    assert contents.about["split_digest"] == PRESENT["split_digest"]
    assert contents.about["members"] == "큰-0a (0.750), 작은-1b (0.250)"


def test_member_is_packed_without_a_decision(tmp_path: Path) -> None:
    contents = pack(train(tmp_path, ("큰-0a", {}, [])), None, "큰-0a")
    assert [(member.name, member.weight) for member in contents.members] == [("큰-0a", 1.0)]
    assert (contents.temperature, contents.offsets) == (1.0, ())
    assert float(contents.about["oof_accuracy"]) == 0.75


def test_join_is_packed_by_the_networks_that_it_joins_and_a_soup_by_its_own(tmp_path: Path) -> None:
    trained = train(
        tmp_path,
        ("합-0a", {"join": ["얼굴"]}, ["얼굴-1b"]),
        ("얼굴-1b", {"attribute": "mask"}, []),
        ("수프-2c", {"soup": {"recipes": ["큰"]}}, ["큰-3d"]),
    )
    join, soup = pack(trained, blend({"합-0a": 0.5, "수프-2c": 0.5})).members
    assert join.is_join and [network.name for network in join.networks] == ["얼굴-1b"]
    assert join.networks[0].values == (1, 0), "numbers of wear and normal among the attribute's values"
    assert not soup.is_join and [network.name for network in soup.networks] == ["수프-2c"]
    assert soup.networks[0].values is None


def test_ensemble_that_was_stopped_halfway_is_refused(tmp_path: Path) -> None:
    trained = train(tmp_path, ("큰-0a", {}, []))
    whole = blend({"큰-0a": 1.0})
    whole.digests["nested_oof_digest"] = digest_probabilities(whole.nested_oof)
    assert pack(trained, whole).members
    with pytest.raises(InputError, match="stopped halfway"):
        pack(trained, replace(whole, nested_oof=make_oof(3)))


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    trained = train(tmp_path, ("큰-0a", {}, []), ("합-1b", {"join": ["얼굴"]}, ["얼굴-2c"]), ("작은-3d", {}, []))
    del trained.weights["큰-0a/fold_1"]
    (tmp_path / "작은-3d/fold_0/weights.safetensors").write_bytes(b"half")
    weights = {"큰-0a": 0.25, "합-1b": 0.25, "작은-3d": 0.25, "teammate:지민": 0.25}
    with pytest.raises(InputError, match="cannot be packed") as error:
        pack(trained, blend(weights))
    assert error.value.cases == [
        "큰-0a: the weights of fold 1 are not on this machine",
        "얼굴-2c, which 합-1b joins: the weights of fold 0 are not on this machine",
        "얼굴-2c, which 합-1b joins: the weights of fold 1 are not on this machine",
        "작은-3d: the weights of fold 0 are damaged, or not written by Podium",
        "teammate:지민: handed over without its networks; name it in ensemble.leave_out and make the ensemble anew",
    ]


def test_ensemble_of_another_split_is_refused_and_so_is_none(tmp_path: Path) -> None:
    trained = train(tmp_path, ("큰-0a", {}, []))
    with pytest.raises(InputError, match="another split") as error:
        pack(trained, blend({"큰-0a": 1.0}, split_digest="old"))
    assert error.value.cases[0].startswith(f"split_digest: old, not {PRESENT['split_digest']}")
    with pytest.raises(InputError, match="no ensemble"):
        pack(trained, None)


def test_member_that_is_not_there_or_of_another_split_is_refused(tmp_path: Path) -> None:
    trained = train(tmp_path, ("큰-0a", {}, []))
    with pytest.raises(InputError, match="no such model") as error:
        pack(trained, None, "큰-0b")
    assert error.value.cases == ["registry.what: '큰-0b'; did you mean '큰-0a'?"]
    old = make_oof(1)
    old.attrs["split_digest"] = "old"
    trained.oof["큰-0a/fold_0"] = lambda: old
    with pytest.raises(InputError, match="another split"):
        pack(trained, None, "큰-0a")


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    (folder / "artifacts" / FOLDER_KEY).mkdir(parents=True)
    write_contents(make_contents(tmp_path / "weights"), folder / "artifacts" / FOLDER_KEY)
    return folder


def test_registered_version_is_told_with_where_it_came_from(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("podium.tracking.find_run_id", lambda: "run-1")
    monkeypatch.setattr(registering, "register_folder", lambda *arguments: asked.append(arguments) or "3")
    told = register_model(packed, RegistryConfig(alias="candidate"))
    assert asked == [(packed, "run-1", "대회", "candidate", {"what": "ensemble", "split_digest": "0a1b2c"})]
    assert told == {
        "name": "대회", "version": "3", "alias": "candidate", "what": "ensemble", "run_id": "run-1",
        "uri": "models:/대회/3",
    }  # fmt: skip


def test_registering_without_a_server_says_that_the_folder_serves(packed: Path) -> None:
    with pytest.raises(InputError, match="no registry") as error:
        register_model(packed, RegistryConfig())
    assert str(packed) in error.value.cases[0]


@pytest.mark.parametrize(("key", "value"), [("alias", "latest"), ("alias", "v3"), ("alias", "a b"), ("name", "a/b")])
def test_names_that_the_registry_would_refuse_are_refused_first(key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        RegistryConfig.model_validate({key: value})
    assert RegistryConfig(alias=None, name="꽃 대회").alias is None
