"""What searches have besides: values that are drawn, trials that are ended early, and what each leaf explains."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from podium.sweeps.config import Choices, FloatRange, IntRange, Pruner, SearchSweep
from podium.sweeps.plan import decode_choice, encode_choice
from podium.sweeps.storage import quiet_optuna
from podium.vision.seeds import derive_seed

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import Trial

MIN_SCORES = 4
"""So many different scores are needed before leaves can be told to explain them."""


def choose_sampler(config: SearchSweep, number: int) -> "BaseSampler":
    """Make a sampler whose draws depend on the number of the trial and on no worker."""
    import optuna

    seed = derive_seed(config.seed, number) % 2**32
    if config.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)
    return optuna.samplers.RandomSampler(seed=seed)


def choose_pruner(pruner: Pruner) -> "BasePruner":
    """Make what says that a trial is not worth going on with."""
    import optuna

    if pruner.name == "median":
        return optuna.pruners.MedianPruner(pruner.startup_trials, pruner.warmup_epochs)
    return optuna.pruners.NopPruner()


def draw_values(trial: "Trial", config: SearchSweep) -> dict[str, Any]:
    """Draw a value for each leaf of the space; a trial that was lost keeps those it had."""
    with quiet_optuna():
        return decode_params(config, {leaf: _suggest(trial, leaf, part) for leaf, part in config.space.items()})


def _suggest(trial: "Trial", leaf: str, part: FloatRange | IntRange | Choices) -> Any:
    if isinstance(part, Choices):
        return trial.suggest_categorical(leaf, [encode_choice(value) for value in part.values])
    if isinstance(part, FloatRange):
        return trial.suggest_float(leaf, part.low, part.high, log=part.log)
    return trial.suggest_int(leaf, part.low, part.high, log=part.log)


def decode_params(config: SearchSweep, params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what Optuna keeps into values of leaves, in the order of the space."""
    return {
        leaf: decode_choice(params[leaf]) if isinstance(part, Choices) else params[leaf]
        for leaf, part in config.space.items()
        if leaf in params
    }


def measure_importances(study: "Study", config: SearchSweep, n_forests: int) -> dict[str, list[float]]:
    """Say what share of a search's differences each leaf explains (fANOVA; Hutter et al., 2014).

    Returns:
        By leaf, one share a forest, which differ by their seeds alone; empty with fewer than four different scores of
        finished trials.
    """
    import optuna
    from optuna.trial import TrialState

    scores = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if len(scores) < MIN_SCORES:
        return {}
    shares: dict[str, list[float]] = {leaf: [] for leaf in config.space}
    for seed in range(n_forests):
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        for leaf, values in shares.items():
            values.append(float(found[leaf]))
    return shares
