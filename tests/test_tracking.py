import mlflow
import pytest

from podium.tracking import log_epoch

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
