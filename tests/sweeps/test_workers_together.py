"""Several workers, as processes, on a PostgreSQL server: each trial once, whoever comes, goes and dies."""

import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from processes import wait_until
from services.postgres import Postgres
from sweeps.small_sweeps import plan_many, read_notes, release, start_worker


def end(worker: "subprocess.Popen[str]") -> str:
    """Wait for a worker, and return why it ended."""
    said, errors = worker.communicate(timeout=200)
    assert worker.returncode == 0, errors
    return said.strip()


def test_two_workers_start_together_on_an_empty_database_one_is_killed_and_no_trial_is_lost_or_trained_twice(
    postgres: Postgres, tmp_path: Path
) -> None:
    url, notes, keys = postgres.url("together"), tmp_path / "notes", plan_many(12).list_keys()
    first, second = (start_worker(url, notes, 12, 0.4) for _ in range(2))
    release(notes, 2)
    wait_until(lambda: [what for what, _, process, _ in read_notes(notes) if process == first.pid][3:] == ["begin"])
    first.kill()
    killed = time.time()
    first.communicate()
    assert end(second) == "every trial that was to be begun has ended"
    lines = read_notes(notes)
    lost = [key for what, key, process, _ in lines if what == "begin" and process == first.pid][-1]
    begun = Counter(key for what, key, *_ in lines if what == "begin")
    assert begun == {key: 1 + (key == lost) for key in keys}
    assert Counter(key for what, key, *_ in lines if what == "end") == dict.fromkeys(keys, 1)
    again = max(when for what, key, _, when in lines if what == "begin" and key == lost)
    assert 5 < again - killed < 40, "not before its lease of 8 s ran out, and soon after that on a slow machine, too"
    late = Queue(plan_many(12), Database(url))
    assert {trial["key"]: (trial["state"], trial["tries"]) for trial in late.list_trials()} == {
        key: ("finished", 1 + (key == lost)) for key in keys
    }
    assert late.take() is None, "nothing is left for a third worker"


@pytest.mark.parametrize("text", ["", "password"])
def test_unreachable_server_is_told_without_its_password(postgres: Postgres, text: str) -> None:
    from podium.errors import InputError

    url = postgres.url("away").replace(postgres.password, "wrong-secret")
    with pytest.raises(InputError, match="The queue of the sweep cannot be opened") as error:
        Queue(plan_many(2), Database(url))
    assert "wrong-secret" not in str(error.value)
    assert text in str(error.value)
