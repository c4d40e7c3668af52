"""Wiring of a trial: the nodes of a run by hand, with every table that depends on the recipe kept in memory."""

from kedro.pipeline import Node, Pipeline, pipeline

from podium.pipelines import augmentation, ingestion, labels, selection, training
from podium.pipelines.trial.nodes import score_trial

OWN = {name: f"trial_{name}" for name in ("targets", "policy", "variants", "member", "image_store")}
"""Tables that a run by hand writes for its recipe, under the names that they have here."""


def create_pipeline() -> Pipeline:
    """Recipe, images, folds, leak proof → a member and its scores."""
    score = Node(
        score_trial,
        ["trial_member", "oof", "trial_targets", "classes", "attributes"],
        "trial_scores",
        name="score_trial",
    )
    return (
        selection.create_pipeline()
        + ingestion.create_input_pipeline()
        + _keep(ingestion.create_store_pipeline())
        + _keep(labels.create_pipeline())
        + _keep(augmentation.create_pipeline().only_nodes("augmentation.resolve_policy", "augmentation.plan_variants"))
        + _keep(training.create_pipeline())
        + Pipeline([score], namespace="trial", prefix_datasets_with_namespace=False)
    )


def _keep(part: Pipeline) -> Pipeline:
    """Rename what a part reads and writes of :data:`OWN`."""
    read, written = part.inputs(), part.all_outputs()
    return pipeline(
        part,
        inputs={name: own for name, own in OWN.items() if name in read},
        outputs={name: own for name, own in OWN.items() if name in written},
    )
