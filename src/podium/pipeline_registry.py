"""Every pipeline by name."""

from kedro.pipeline import Pipeline

from podium.pipelines import (
    augmentation,
    compare,
    copies,
    ensemble,
    evaluation,
    explore,
    export,
    ingestion,
    labels,
    leaks,
    ledger,
    prune,
    pseudo_label,
    register,
    report,
    restore,
    selection,
    shift,
    splitting,
    submission,
    survey,
    sweep,
    training,
    trial,
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
    copied, prove = copies.create_pipeline(), leaks.create_pipeline()
    label = labels.create_pipeline()
    vary = ingestion.create_input_pipeline() + label + augmentation.create_pipeline()
    evaluate = evaluation.create_pipeline()
    submit = submission.create_pipeline()
    look = survey.create_pipeline()
    deal = ingestion.create_pipeline() + look + copied + split + prove
    train = choice + deal + vary + training.create_pipeline() + evaluate
    tune = choice + deal + vary + tuning.create_pipeline()
    finish = ensemble.create_pipeline() + submit
    return {
        "ingestion": choice + ingestion.create_pipeline(),
        "survey": choice + look,
        "copies": choice + look + copied,
        "leaks": choice + look + copied + prove,
        "shift": choice + look + copied + shift.create_pipeline(),
        "splitting": choice + split,
        "labels": choice + label,
        "augmentation": choice + vary,
        "training": choice + vary + training.create_pipeline(),
        "evaluation": choice + evaluate,
        "submission": submit,
        "train": train,
        "tuning": tune,
        "explore": choice + deal + explore.create_pipeline() + shift.create_pipeline(),
        "ensemble": finish,
        "rank": ensemble.create_ranking_pipeline(),
        "pseudo_label": pseudo_label.create_pipeline(),
        "pseudo_label_gain": pseudo_label.create_gain_pipeline(),
        "register": register.create_pipeline(),
        "export": choice + export.create_pipeline(),
        "compare": compare.create_pipeline(),
        "share": compare.create_share_pipeline(),
        "ledger": ledger.create_pipeline(),
        "prune": prune.create_pipeline(),
        "report": choice + look + copied + report.create_pipeline(),
        "restore": restore.create_pipeline(),
        "sweep": selection.create_sweep_pipeline() + deal + sweep.create_pipeline(),
        "sweep_results": sweep.create_results_pipeline(),
        "trial": trial.create_pipeline(),
        "__default__": train + finish,
    }
