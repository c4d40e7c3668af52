"""Idle threads of OpenMP sleep soon, unless the shell says otherwise."""

import cv2
import pytest

from podium.threads import limit_opencv_threads
from test_quiet import import_podium


def test_idle_threads_spin_less_than_openmp_does_by_itself() -> None:
    assert 10_000 < int(import_podium()["GOMP_SPINCOUNT"]) < 300_000


def test_the_shell_has_the_last_word() -> None:
    assert import_podium(GOMP_SPINCOUNT="7")["GOMP_SPINCOUNT"] == "7"


def test_waiting_policy_is_left_to_openmp() -> None:
    assert "OMP_WAIT_POLICY" not in import_podium()


def test_opencv_has_one_thread_inside_and_as_many_as_before_after_a_failure_too() -> None:
    n_threads = cv2.getNumThreads()
    with pytest.raises(KeyError), limit_opencv_threads():
        assert cv2.getNumThreads() == 1
        raise KeyError
    assert cv2.getNumThreads() == n_threads
