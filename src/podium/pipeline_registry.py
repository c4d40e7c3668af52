"""Every pipeline by name."""

from kedro.pipeline import Pipeline

from podium.pipelines import (
    augmentation,
    ensemble,
    evaluation,
    ingestion,
    labels,
    selection,
    splitting,
    submission,
    training,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Name the stages, and the chains that people type.

    A stage alone reads what earlier stages wrote; ``train`` and ``__default__`` bring all of it up to date first, which
    costs little when nothing changed.
    """
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "splitting": splitting.create_pipeline(),
        "labels": labels.create_pipeline(),
        "augmentation": augmentation.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "submission": submission.create_pipeline(),
    }
    prepare = sum((stages[name] for name in ("ingestion", "splitting", "labels", "augmentation")), Pipeline([]))
    train = selection.create_pipeline() + prepare + stages["training"] + stages["evaluation"]
    finish = ensemble.create_pipeline() + stages["submission"]
    return {
        **{name: selection.create_pipeline() + stage for name, stage in stages.items()},
        "train": train,
        "ensemble": finish,
        "__default__": train + finish,
    }
