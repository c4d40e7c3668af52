"""Every pipeline by name."""

from kedro.pipeline import Pipeline

from podium.pipelines import (
    augmentation,
    compare,
    ensemble,
    evaluation,
    ingestion,
    labels,
    ledger,
    pseudo_label,
    selection,
    splitting,
    submission,
    training,
    tuning,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Name the stages, and the chains that people type.

    A stage alone reads the tables that earlier stages wrote, but makes everything that depends on the recipe anew, so
    that the policy or labels of another recipe are never taken for its own. ``train`` and ``__default__`` bring all of
    it up to date first, which costs little when nothing changed.
    """
    choice = selection.create_pipeline()
    split = splitting.create_pipeline()
    shift = labels.create_pipeline()
    vary = ingestion.create_input_pipeline() + shift + augmentation.create_pipeline()
    evaluate = evaluation.create_pipeline()
    submit = submission.create_pipeline()
    train = choice + ingestion.create_pipeline() + split + vary + training.create_pipeline() + evaluate
    tune = choice + ingestion.create_pipeline() + split + vary + tuning.create_pipeline()
    finish = ensemble.create_pipeline() + submit
    return {
        "ingestion": choice + ingestion.create_pipeline(),
        "splitting": choice + split,
        "labels": choice + shift,
        "augmentation": choice + vary,
        "training": choice + vary + training.create_pipeline(),
        "evaluation": choice + evaluate,
        "submission": submit,
        "train": train,
        "tuning": tune,
        "ensemble": finish,
        "rank": ensemble.create_ranking_pipeline(),
        "pseudo_label": pseudo_label.create_pipeline(),
        "pseudo_label_gain": pseudo_label.create_gain_pipeline(),
        "compare": compare.create_pipeline(),
        "share": compare.create_share_pipeline(),
        "ledger": ledger.create_pipeline(),
        "__default__": train + finish,
    }
