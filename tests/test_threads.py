"""Idle threads of OpenMP sleep soon, unless the shell says otherwise."""

from test_quiet import import_podium


def test_idle_threads_spin_less_than_openmp_does_by_itself() -> None:
    assert 10_000 < int(import_podium()["GOMP_SPINCOUNT"]) < 300_000


def test_the_shell_has_the_last_word() -> None:
    assert import_podium(GOMP_SPINCOUNT="7")["GOMP_SPINCOUNT"] == "7"


def test_waiting_policy_is_left_to_openmp() -> None:
    assert "OMP_WAIT_POLICY" not in import_podium()
