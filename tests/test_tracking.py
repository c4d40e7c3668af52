import logging

import mlflow
import pytest

from podium.tracking import log_epoch, survive_tracking

ROW = {"fold": 1, "epoch": 4, "train_loss": 0.5, "val_macro_f1": 0.25}


def test_numbers_of_an_epoch_become_points_of_its_folds_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    logged = []
    monkeypatch.setattr(mlflow, "active_run", object)
    monkeypatch.setattr(mlflow, "log_metrics", lambda values, step: logged.append((values, step)))
    log_epoch(1, ROW)
    log_epoch(2, {"epoch": 0.0, "lr": 1})
    assert logged == [
        ({"fold_1/train_loss": 0.5, "fold_1/val_macro_f1": 0.25}, 4),
        ({"fold_2/lr": 1.0}, 0),
    ]


def test_nothing_is_logged_without_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("logged without a run")

    monkeypatch.setattr(mlflow, "active_run", lambda: None)
    monkeypatch.setattr(mlflow, "log_metrics", fail)
    log_epoch(1, ROW)


class ServerAwayError(Exception):
    """Clients of a server, a database and a disk share no base class."""


@pytest.mark.parametrize("error", [ServerAwayError("없음\n  at port 5000"), OSError("full"), KeyError("x")])
def test_failing_tracking_is_a_warning_of_one_line(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise error

    with caplog.at_level(logging.WARNING, logger="podium.tracking"):
        survive_tracking(fail)()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("tracking failed, and the run goes on: ")
    assert "\n" not in record.getMessage()


def test_long_answer_of_a_server_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ServerAwayError("<html>" * 10_000)

    survive_tracking(fail)()
    assert len(caplog.messages[0]) < 400


def test_interruption_while_tracking_still_ends_the_run() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survive_tracking(interrupt)()


def test_arguments_reach_what_is_tracked() -> None:
    seen = []
    survive_tracking(lambda *parts, **named: seen.append((parts, named)))(1, step=2)
    assert seen == [((1,), {"step": 2})]


def test_epoch_that_cannot_be_told_does_not_end_a_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ServerAwayError("no route to host")

    monkeypatch.setattr(mlflow, "active_run", object)
    monkeypatch.setattr(mlflow, "log_metrics", fail)
    log_epoch(1, ROW)
    assert caplog.messages == ["tracking failed, and the run goes on: no route to host"]
