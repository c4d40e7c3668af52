"""A device that is not there is found missing before anything of a run is done."""

from types import SimpleNamespace

import pytest
from kedro.framework.project import configure_project
from kedro.pipeline import Node, Pipeline

from podium.errors import InputError
from podium.hardware_hooks import TRAINING_NODES, HardwareHooks
from podium.pipeline_registry import register_pipelines

TRAIN = Pipeline([Node(lambda x: x, "params:training", "weights", name="train_folds", namespace="training")])
READ = Pipeline([Node(lambda images: images, "images", "folds", name="split")])


def begin(pipeline: Pipeline, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loader = {"parameters": {"training": {"device": device, "checkpoint_dir": "x"}}}
    hooks = HardwareHooks()
    hooks.after_context_created(SimpleNamespace(config_loader=loader))  # type: ignore[arg-type]
    hooks.before_pipeline_run(pipeline)


def test_run_that_trains_is_refused_where_its_device_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot train as asked"):
        begin(READ + TRAIN, "gpu", monkeypatch)


def test_device_that_is_there_and_run_that_does_not_train_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begin(READ + TRAIN, "auto", monkeypatch)
    begin(READ, "gpu", monkeypatch)


def test_every_pipeline_that_trains_is_known_by_its_nodes() -> None:
    configure_project("podium")
    nodes = {name: {node.name for node in pipeline.nodes} for name, pipeline in register_pipelines().items()}
    assert set().union(*nodes.values()) >= TRAINING_NODES
    assert {name for name, found in nodes.items() if found & TRAINING_NODES} == {
        "__default__", "train", "training", "sweep", "trial", "tuning",
    }  # fmt: skip
