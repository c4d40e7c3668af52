"""Work off a sweep's queue, and tell what came out."""

import logging
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd

from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_present
from podium.secrets import hide_password
from podium.sweeps import results
from podium.sweeps.config import SearchSweep
from podium.sweeps.plan import Entry, SweepPlan, make_plan
from podium.tracking import find_run_id
from podium.tracking_place import PARENT_VARIABLE

logger = logging.getLogger(__name__)


def plan_sweep(
    sweep: str,
    sweeps: dict[str, Any],
    recipes: dict[str, dict[str, Any]],
    policies: dict[str, Any],
    competition: str,
    competitions: dict[str, Any],
    splitting: SplittingConfig,
    images: pd.DataFrame,
    folds: pd.DataFrame,
) -> SweepPlan:
    """Tie the chosen sweep to the present images and split.

    Returns:
        The plan; its study has a digest of all that scores depend on, so that what a changed sweep, image or split
        gives is never laid beside what was there before.

    Raises:
        InputError: There is no such sweep, or it asks for a fold that is not held out.
    """
    parameters = {
        "sweeps": sweeps,
        "recipes": recipes,
        "policies": policies,
        "competition": competition,
        "competitions": competitions,
    }
    return make_plan(sweep, parameters, digest_present(images, folds), splitting.held_out_folds)


def work_off(
    sweep_plan: SweepPlan, run_origin: dict[str, Any], sweep_storage: str, sweep_log_dir: str, sweep_again: bool
) -> dict[str, Any]:
    """Train trials of the queue until it is empty, the budget is spent, or Ctrl-C.

    Each trial is a process of its own; it writes a member like any other, and its output below ``sweep_log_dir``.

    Args:
        sweep_plan: What to train.
        run_origin: project, env and params of this run.
        sweep_storage: Where the queue is kept.
        sweep_log_dir: Folder of the trials' output.
        sweep_again: Whether to queue failed trials again first.

    Returns:
        trials and importances; see :func:`read_queue`.

    Raises:
        InputError: The queue cannot be reached.
    """
    from podium.sweeps.process import TrialCommand, run_trial
    from podium.sweeps.queue import Queue
    from podium.sweeps.storage import Database, find_storage
    from podium.sweeps.worker import JudgeEpoch, Outcome, Worker, ending_politely

    project = Path(run_origin["project"])
    url = find_storage(sweep_storage, project)
    queue = Queue(sweep_plan, Database(url))
    logger.info("the queue of '%s' is in %s", sweep_plan.name, hide_password(url))
    if sweep_again:
        queue.recover(again=True)
    run_id = find_run_id()
    parent = queue.note("mlflow_run", run_id) if run_id is not None else None
    log_folder = project / sweep_log_dir / sweep_plan.name / "logs"
    how = TrialCommand(project, log_folder, {} if parent is None else {PARENT_VARIABLE: parent})

    def run(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        return run_trial(how, entry.key, make_request(entry, sweep_plan, run_origin), judge, lost)

    with ending_politely():
        logger.info("the worker ends: %s", Worker(queue, run).work_off())
        return _read(queue)


def make_request(entry: Entry, plan: SweepPlan, run_origin: dict[str, Any]) -> dict[str, Any]:
    """Say what a trial's process has to run: this run's own parameters, and the trial's recipe, on the plan's data."""
    params = {**run_origin["params"], "recipe": entry.recipe}
    params["splitting"] = {**params.get("splitting", {}), "held_out": plan.folds}
    if entry.values is not None:
        params["recipes"] = {**params.get("recipes", {}), entry.recipe: entry.values}
    return {
        "project": run_origin["project"],
        "env": run_origin["env"],
        "params": params,
        "digests": plan.digests,
    }


def read_queue(sweep_plan: SweepPlan, run_origin: dict[str, Any], sweep_storage: str) -> dict[str, Any]:
    """Read how a sweep stands, at any time.

    Returns:
        trials (see :meth:`podium.sweeps.queue.Queue.list_trials`) and importances (see
        :meth:`podium.sweeps.queue.Queue.measure_importances`).

    Raises:
        InputError: The queue cannot be reached.
    """
    from podium.sweeps.queue import Queue
    from podium.sweeps.storage import Database, find_storage

    return _read(Queue(sweep_plan, Database(find_storage(sweep_storage, Path(run_origin["project"])))))


def _read(queue: Any) -> dict[str, Any]:
    return {"trials": queue.list_trials(), "importances": queue.measure_importances()}


def tabulate_sweep(sweep_plan: SweepPlan, sweep_records: dict[str, Any]) -> dict[str, Any]:
    """Lay a sweep's results out as tables, and say how it stands.

    Returns:
        sweep_trials, sweep_effects and sweep_importances (see :mod:`podium.sweeps.results`); sweep_recipes: what each
        finished trial's recipe states, best first, as ``conf/local`` would have it.
    """
    trials = sweep_records["trials"]
    for line in results.describe_results(sweep_plan.name, trials, "recipes.yml beside the pictures"):
        logger.info(line)
    return {
        "sweep_trials": results.tabulate_trials(trials),
        "sweep_effects": results.measure_effects(trials),
        "sweep_importances": results.tabulate_importances(sweep_records["importances"]),
        "sweep_recipes": results.collect_recipes(trials),
    }


def show_sweep(
    sweep_plan: SweepPlan,
    sweep_records: dict[str, Any],
    sweep_trials: pd.DataFrame,
    sweep_effects: pd.DataFrame,
    sweep_importances: pd.DataFrame,
) -> dict[str, Any]:
    """Draw what each change does, what each leaf of a search explains, and how the best score grew.

    Returns:
        sweep_effects_plot, sweep_importances_plot and sweep_history_plot (plotly), and the same as ``…_picture``
        (matplotlib).
    """
    from podium.ensembling.criteria import name_criterion
    from podium.sweeps import pictures

    criterion, name = name_criterion(sweep_plan.config.criterion), sweep_plan.name
    is_search = isinstance(sweep_plan.config, SearchSweep)
    effects = pictures.gather_effects(sweep_effects.head(0) if is_search else sweep_effects, sweep_trials)
    against = criterion if effects.zero is None else f"{criterion} against the base, with its interval of 95 %"
    few = "a search has no single changes" if is_search else "nothing to compare yet"
    shares = pictures.gather_importances(sweep_importances)
    none = "too few different scores" if is_search else "no search"
    history, title = pictures.gather_history(sweep_records["trials"]), f"{name}: trials"
    return {
        "sweep_effects_picture": pictures.draw_bars(effects, f"{name}: what each change does", against, few),
        "sweep_effects_plot": pictures.plot_bars(effects, f"{name}: what each change does", against, few),
        "sweep_importances_picture": pictures.draw_bars(shares, f"{name}: what matters", "share (fANOVA)", none),
        "sweep_importances_plot": pictures.plot_bars(shares, f"{name}: what matters", "share (fANOVA)", none),
        "sweep_history_picture": pictures.draw_history(history, title, criterion),
        "sweep_history_plot": pictures.plot_history(history, title, criterion),
    }
