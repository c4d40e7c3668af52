"""The queue of a sweep: which trials there are, who trains which, and what came out.

A trial is known by its key. Each try of it is a trial of Optuna's, so a key may have several: one that was lost with
its worker, and the one that was queued in its place. What is queued is always worked out anew from what is there,
under the database's lock: whoever dies in between leaves nothing half done.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podium.sweeps.config import SearchSweep
from podium.sweeps.plan import Entry, SweepPlan
from podium.sweeps.search import choose_pruner, choose_sampler, decode_params, draw_values, measure_importances
from podium.sweeps.storage import Database, insist, is_passing, quiet_optuna

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

logger = logging.getLogger(__name__)

HEARTBEAT_S, GRACE_S = 8, 32
"""A dead worker's trial is queued again at most the sum of both, and the time of a step, later: within a minute."""

MAX_LOST = 3
"""A trial whose workers died so often is what kills them, and is not tried again."""

INSIST_S = 900.0
"""So long a database that is away is waited for before a result is given up."""


@dataclass(frozen=True)
class Claim:
    """A trial that this worker has taken.

    Attributes:
        entry: What to train.
        trial: Of Optuna's.
        tries: How often it was begun, this time included.
    """

    entry: Entry
    trial: "Trial"
    tries: int


class Queue:
    """The trials of one plan, in a database that all workers share."""

    def __init__(self, plan: SweepPlan, database: Database, heartbeat_s: int = HEARTBEAT_S, grace_s: int = GRACE_S):
        """Open the queue; make it, if this is the first worker.

        Raises:
            InputError: The database cannot be reached.
        """
        self.plan, self.heartbeat_s, self.grace_s = plan, heartbeat_s, grace_s
        self._database = database
        with database.alone("tables"):
            self._storage: RDBStorage = database.open(heartbeat_s, grace_s)
        with database.alone(plan.study):
            self._make_study()

    def _make_study(self) -> None:
        """Make the study and queue what is not in it yet: all of it, or what a longer search has more."""
        import optuna
        from optuna.trial import TrialState

        with quiet_optuna():
            study = optuna.create_study(
                storage=self._storage, study_name=self.plan.study, direction="maximize", load_if_exists=True
            )
        known = {trial.user_attrs["key"] for trial in study.get_trials(deepcopy=False)}
        for key in self.plan.list_keys():
            if key not in known:
                study.add_trial(optuna.create_trial(state=TrialState.WAITING, user_attrs={"key": key}))

    def _load(self, number: int = 0) -> "Study":
        """Load the study as it is now, with a sampler whose draws depend on the trial and on no worker."""
        import optuna

        config = self.plan.config
        with quiet_optuna():
            sampler: BaseSampler = optuna.samplers.RandomSampler(seed=0)
            pruner: BasePruner = optuna.pruners.NopPruner()
            if isinstance(config, SearchSweep):
                sampler, pruner = choose_sampler(config, number), choose_pruner(config.pruner)
            return optuna.load_study(study_name=self.plan.study, storage=self._storage, sampler=sampler, pruner=pruner)

    def recover(self, again: bool = False) -> list[str]:
        """Queue again what was lost with a worker, or given back by one.

        Args:
            again: Whether to queue trials that failed, too; somebody has mended what made them fail.

        Returns:
            Keys of what was queued.
        """
        with self._database.alone(self.plan.study):
            return self._recover(again)

    def _recover(self, again: bool = False) -> list[str]:
        import optuna
        from optuna.trial import TrialState

        study = self._load()
        with quiet_optuna():
            optuna.storages.fail_stale_trials(study)
        queued = []
        for key, tries in self._list_tries().items():
            last = tries[-1]
            if last.state != TrialState.FAIL or not (again or _is_lost(tries)):
                continue
            logger.info("trial %s of '%s' is queued again", key, self.plan.name)
            attributes = {"key": key, "again": again}
            study.add_trial(
                optuna.create_trial(
                    state=TrialState.WAITING, user_attrs=attributes, system_attrs={"fixed_params": last.params}
                )
            )
            queued.append(key)
        return queued

    def _list_tries(self) -> "dict[str, list[FrozenTrial]]":
        """List the tries of each trial in their order."""
        study_id = self._storage.get_study_id_from_name(self.plan.study)
        tries: dict[str, list[FrozenTrial]] = {}
        for trial in self._storage.get_all_trials(study_id, deepcopy=False):
            tries.setdefault(trial.user_attrs["key"], []).append(trial)
        return tries

    def take(self, max_begun: int | None = None) -> Claim | None:
        """Take the first trial that waits; no other worker gets it.

        Args:
            max_begun: So many trials may be begun in all; those begun before may always be tried again.

        Returns:
            None when nothing waits that may be begun.
        """
        return insist(lambda: self._take(max_begun), INSIST_S)

    def _take(self, max_begun: int | None) -> Claim | None:
        from optuna.trial import Trial, TrialState

        with self._database.alone(self.plan.study):
            self._recover()
            tries = self._list_tries()
            begun = {key for key, of_key in tries.items() if len(of_key) > 1 or of_key[0].state != TrialState.WAITING}
            may_begin = max_begun is None or len(begun) < max_begun
            waiting = sorted(
                (of_key[-1].number, key)
                for key, of_key in tries.items()
                if of_key[-1].state == TrialState.WAITING and (key in begun or may_begin)
            )
            if not waiting:
                return None
            key = waiting[0][1]
            found = tries[key][-1]
            # Before it is taken: a worker that dies between the two leaves a trial that is known to be lost.
            self._storage.record_heartbeat(found._trial_id)
            self._storage.set_trial_state_values(found._trial_id, state=TrialState.RUNNING)
        number = int(key) if isinstance(self.plan.config, SearchSweep) else 0
        study = self._load(number)
        study.get_trials(deepcopy=False)  # a study knows only trials that it has read
        trial = Trial(study, found._trial_id)
        return Claim(self.plan.make_entry(key, self._draw(trial)), trial, len(tries[key]))

    def _draw(self, trial: "Trial") -> dict[str, Any]:
        """Draw a search's values; a trial that was lost keeps those it had."""
        config = self.plan.config
        return draw_values(trial, config) if isinstance(config, SearchSweep) else {}

    def renew(self, claim: Claim) -> bool:
        """Say that this worker lives; False when the trial is no longer its own."""
        from optuna.trial import TrialState

        if self._storage.get_trial(claim.trial._trial_id).state != TrialState.RUNNING:
            return False
        self._storage.record_heartbeat(claim.trial._trial_id)
        return True

    def report(self, claim: Claim, value: float, step: int) -> bool:
        """Note what an epoch scored; True when the trial is not worth going on with.

        A database that is away, or a trial that was given away, says nothing here: whether to go on, the lease says.
        """
        from optuna.exceptions import UpdateFinishedTrialError

        if not math.isfinite(value):
            return False
        try:
            claim.trial.report(value, step)
            return claim.trial.should_prune()
        except Exception as error:
            if not (isinstance(error, UpdateFinishedTrialError) or is_passing(error)):
                raise
            return False

    def finish(self, claim: Claim, value: float, notes: Mapping[str, Any]) -> bool:
        """Note a result; False when the trial was given to somebody else meanwhile, whose result counts."""
        return self._tell(claim, "COMPLETE", notes, value)

    def prune(self, claim: Claim, notes: Mapping[str, Any]) -> bool:
        """Note that a trial was ended early."""
        return self._tell(claim, "PRUNED", notes)

    def fail(self, claim: Claim, error: str, notes: Mapping[str, Any]) -> bool:
        """Note that a trial failed; it is not tried again by itself."""
        return self._tell(claim, "FAIL", {**notes, "error": error})

    def give_back(self, claim: Claim, notes: Mapping[str, Any]) -> None:
        """Let somebody else have a trial that this worker does not go on with."""
        self._tell(claim, "FAIL", {**notes, "given_back": True})
        insist(self.recover, INSIST_S)

    def _tell(self, claim: Claim, state: str, notes: Mapping[str, Any], value: float | None = None) -> bool:
        return insist(lambda: self._tell_once(claim, state, notes, value), INSIST_S)

    def _tell_once(self, claim: Claim, state: str, notes: Mapping[str, Any], value: float | None) -> bool:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        trial_id = claim.trial._trial_id
        try:
            for name, note in notes.items():
                self._storage.set_trial_user_attr(trial_id, name, note)
            if state == "PRUNED":
                steps = self._storage.get_trial(trial_id).intermediate_values
                value = steps[max(steps)] if steps else None
            values = None if value is None else [value]
            return self._storage.set_trial_state_values(trial_id, TrialState[state], values)
        except UpdateFinishedTrialError:
            if self._storage.get_trial(trial_id).state.name == state:  # told before, and the answer was lost
                return True
            logger.warning("trial %s is no longer this worker's own; its result is left out", claim.entry.key)
            return False

    def note(self, name: str, value: str) -> str:
        """Note something about the whole sweep unless somebody did so before; returns what is noted."""
        with self._database.alone(self.plan.study):
            study = self._load()
            found = study.user_attrs.get(name)
            if found is None:
                study.set_user_attr(name, value)
            return str(value if found is None else found)

    def list_trials(self) -> list[dict[str, Any]]:
        """Describe each trial by its last try; waits for a database that is away.

        Returns:
            In the order of the plan: key, change, seed, values (of a search, by leaf), recipe, stated (what the recipe
            states, or None), state (waiting, running, finished, pruned, failed), value, tries (that were begun) and
            what was noted: worker, host, seconds, ended (seconds since 1970) and more.
        """
        tries = insist(self._list_tries, INSIST_S)
        return [self._describe(key, tries[key]) for key in self._order_keys(tries)]

    def _order_keys(self, tries: Mapping[str, Any]) -> list[str]:
        planned = [key for key in self.plan.list_keys() if key in tries]
        return [*planned, *sorted(set(tries) - set(planned))]  # a search that was longer once

    def _describe(self, key: str, tries: "list[FrozenTrial]") -> dict[str, Any]:
        last, config = tries[-1], self.plan.config
        values = decode_params(config, last.params) if isinstance(config, SearchSweep) else {}
        entry = self.plan.make_entry(key, values)
        states = {"WAITING": "waiting", "RUNNING": "running", "COMPLETE": "finished", "PRUNED": "pruned"}
        notes = {name: note for name, note in last.user_attrs.items() if name not in ("key", "again", "given_back")}
        if last.state.name == "FAIL" and "error" not in notes:
            notes["error"] = f"its worker died, {MAX_LOST} times"
        return {
            "key": key,
            "change": entry.change,
            "seed": entry.seed,
            "values": values,
            "recipe": entry.recipe,
            "stated": entry.values,
            "state": states.get(last.state.name, "failed"),
            "value": last.value if last.state.name in ("COMPLETE", "PRUNED") else None,
            "tries": len(tries) - (last.state.name == "WAITING"),
            **notes,
        }

    def measure_importances(self, n_forests: int = 5) -> dict[str, list[float]]:
        """Say what share of a search's differences each leaf explains; see :mod:`podium.sweeps.search`."""
        config = self.plan.config
        return measure_importances(self._load(), config, n_forests) if isinstance(config, SearchSweep) else {}


def _is_lost(tries: "list[FrozenTrial]") -> bool:
    """Say whether the last try, which ended without a result, wants another one."""
    last = tries[-1].user_attrs
    if "error" in last or last.get("given_back"):
        return "error" not in last
    anew = [number for number, trial in enumerate(tries) if trial.user_attrs.get("again")]
    since = tries[anew[-1] :] if anew else tries
    return sum(not trial.user_attrs.get("given_back") for trial in since) < MAX_LOST
