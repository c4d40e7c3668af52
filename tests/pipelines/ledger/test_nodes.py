import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.datasets.past_submissions import PastSubmissions, PastSubmissionsDataset
from podium.ensembling.board import make_even_confusion, spread_between_parts
from podium.errors import InputError
from podium.pipelines.ledger.config import LedgerConfig
from podium.pipelines.ledger.nodes import draw_boards, judge_gains, note_score, propose_pair
from podium.probabilities import make_table

N_IMAGES, N_CLASSES = 60, 3
VERSIONS = [f"2026-01-0{day}T09.15.00.000Z" for day in (1, 2, 3)]
CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame(
    {
        "image_id": [f"test/{k:02d}.jpg" for k in range(N_IMAGES)],
        "ID": [f"{k:02d}" for k in range(N_IMAGES)],
        "target": 0,
    }
)
SETTINGS = LedgerConfig(n_draws=200)


class History:
    """Files of past runs in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(
        self, version: str, labels: np.ndarray, scores: dict[str, Any] | None, chances: np.ndarray | None = None
    ) -> None:
        answers = TEMPLATE.assign(target=CLASSES["target"].to_numpy()[labels])[["ID", "target"]]
        answers.to_csv(self.place("submission.csv", version), index=False)
        if scores is not None:
            self.place("scores.json", version).write_text(json.dumps(scores), encoding="utf-8")
            weights = pd.DataFrame({"member": [f"레시피-{version[8:10]}"], "weight": [1.0]})
            weights.to_csv(self.place("weights.csv", version), index=False)
        if chances is not None:
            table = make_table(TEMPLATE["image_id"], -1, chances.astype(np.float32))
            table.sample(frac=1, random_state=0).to_parquet(self.place("chances.parquet", version))

    def place(self, name: str, version: str) -> Path:
        path = self.folder / name / version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def load(self) -> PastSubmissions:
        names = {"scores": "scores.json", "weights": "weights.csv", "probabilities": "chances.parquet"}
        return PastSubmissionsDataset(
            submissions=(self.folder / "submission.csv").as_posix(),
            companions={key: (self.folder / name).as_posix() for key, name in names.items()},
            ledger=(self.folder / "ledger.csv").as_posix(),
        ).load()

    def note(
        self, score: float | None, version: str | None = None, note: str = "", replace: bool = False
    ) -> pd.DataFrame:
        rows = note_score(self.load(), score, version, note, replace)
        rows.to_csv(self.folder / "ledger.csv", index=False)
        return rows

    def draw(self, rows: pd.DataFrame) -> Any:
        return draw_boards(rows, self.load(), TEMPLATE, CLASSES, 0.5, SETTINGS)


def expect(score: float) -> dict[str, Any]:
    stated = {
        "criterion": "macro_f1",
        "score": score,
        "low": score - 0.02,
        "high": score + 0.02,
        "sd": 0.012,
        "level": 0.9,
    }
    return {"macro_f1": score + 0.01, "accuracy": 0.9, "expected_private": stated}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Make three submissions: the second differs from the first in 4 of 60 answers, the third in 30."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(N_CLASSES, 0.3), N_IMAGES)
    labels = chances.argmax(axis=1)
    made = History(tmp_path)
    for version, n_changed, score in zip(VERSIONS, (0, 4, 30), (0.90, 0.91, 0.905), strict=True):
        changed = labels.copy()
        changed[:n_changed] = (changed[:n_changed] + 1) % N_CLASSES
        made.add(version, changed, expect(score), chances)
    return made


def list_cases(history: History, *arguments: Any, **more: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        history.note(*arguments, **more)
    return error.value.cases


def test_score_without_a_version_belongs_to_the_newest_submission(history: History) -> None:
    (row,) = history.note(0.9547, note="첫 시도").to_dict("records")
    assert (row["submission"], row["public_score"], row["criterion"]) == (VERSIONS[2], 0.9547, "macro_f1")
    assert (row["expected"], row["expected_low"], row["expected_sd"]) == (0.905, 0.885, 0.012)
    assert (row["members"], row["note"]) == ("레시피-03", "첫 시도")
    assert row["sha256"] == history.load().versions[VERSIONS[2]].digest_file()


def test_rows_stand_in_the_order_in_which_they_were_noted(history: History) -> None:
    history.note(0.9, VERSIONS[1])
    assert history.note(0.8, VERSIONS[0])["submission"].tolist() == [VERSIONS[1], VERSIONS[0]]


def test_same_score_again_changes_not_a_byte(history: History) -> None:
    history.note(0.9547, note="하나")
    before = (history.folder / "ledger.csv").read_bytes()
    history.note(0.9547)
    history.note(None)
    assert (history.folder / "ledger.csv").read_bytes() == before


def test_other_score_is_refused_unless_it_is_to_replace(history: History) -> None:
    history.note(0.9547, note="하나")
    (case,) = list_cases(history, 0.9457)
    assert case.startswith(f"public_score: 0.9457, but 0.9547 is noted for {VERSIONS[2]}; add replace_score=true")
    (row,) = history.note(0.9457, replace=True).to_dict("records")
    assert (row["public_score"], row["note"]) == (0.9457, "하나")


def test_unknown_version_is_refused_with_the_nearest(history: History) -> None:
    (case,) = list_cases(history, 0.9, "2026-01-01T09.15.00.00Z")
    assert case.endswith(f"did you mean '{VERSIONS[0]}'?")
    assert list_cases(history, 0.9, "../../etc")[0].startswith("submission: there is no version '../../etc'; allowed")


def test_score_in_percent_is_refused(history: History) -> None:
    assert list_cases(history, 95.47) == [
        "public_score: 95.47, and macro_f1 lies between 0 and 1; 0.9547 was probably meant"
    ]
    assert not (history.folder / "ledger.csv").exists()


def test_score_before_the_first_submission_is_refused(tmp_path: Path) -> None:
    assert list_cases(History(tmp_path), 0.9) == ["none was written; kedro run makes one"]
    assert History(tmp_path).note(None).empty


def test_every_file_that_was_changed_after_it_was_noted_is_refused_with_both_digests(history: History) -> None:
    for version in VERSIONS:
        history.note(0.9, version)
    rows = pd.read_csv(history.folder / "ledger.csv").set_index("submission")["sha256"]
    for version in VERSIONS[:2]:
        with history.place("submission.csv", version).open("a") as file:
            file.write("\n")
    cases = list_cases(history, None)
    assert len(cases) == 2
    for case, version in zip(cases, VERSIONS, strict=False):
        assert version in case and rows[version] in case
        assert history.load().versions[version].digest_file() in case


def test_deleted_submission_keeps_its_row_and_can_still_be_judged(history: History) -> None:
    history.note(0.90, VERSIONS[0])
    history.note(0.91, VERSIONS[1])
    history.place("submission.csv", VERSIONS[0]).unlink()
    rows = history.note(None)
    gains = judge_gains(rows, history.draw(rows))
    assert gains["submission"].tolist() == VERSIONS[:2]
    assert gains["noise_from"].tolist() == ["", "one submission"]
    assert gains["noise"].iloc[1] > 0


def test_old_scores_give_an_expectation_without_an_interval(history: History, caplog: pytest.LogCaptureFixture) -> None:
    history.add("2026-02-01T09.15.00.000Z", np.zeros(N_IMAGES, int), {"macro_f1": 0.77, "accuracy": 0.8})
    with caplog.at_level(logging.INFO):
        (row,) = history.note(0.5).to_dict("records")
    assert row["expected"] == 0.77 and np.isnan(row["expected_low"])
    assert "has no interval" in caplog.text


def test_blend_that_was_answered_again_has_the_scores_of_the_old_one_with_the_same_bytes(history: History) -> None:
    again = "2026-02-01T09.15.00.000Z"
    old = history.place("submission.csv", VERSIONS[1])
    history.place("submission.csv", again).write_bytes(old.read_bytes())
    (row,) = history.note(0.9).to_dict("records")
    assert (row["submission"], row["expected"], row["members"]) == (again, 0.91, "레시피-02")


def test_submission_of_which_nothing_else_is_left_is_noted_with_a_warning(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    history.add("2026-02-01T09.15.00.000Z", np.zeros(N_IMAGES, int), None)
    (row,) = history.note(0.5).to_dict("records")
    assert np.isnan(row["expected"]) and row["members"] == ""
    assert "no expected score is known" in caplog.text


def test_noise_of_a_gain_rests_on_the_images_that_differ(history: History) -> None:
    for version in VERSIONS:
        rows = history.note(0.9, version)
    draws = history.draw(rows)
    np.testing.assert_allclose(draws.differing[0], [0, 4 / 60, 30 / 60])
    assert 0 < draws.find_noise(0, 1) < draws.find_noise(0, 2)
    assert draws.find_noise(0, 0) == 0
    assert draws.is_paired(0, 1)


def test_ensembles_that_believe_themselves_more_or_less_make_no_other_noise(tmp_path: Path) -> None:
    chances = np.random.default_rng(1).dirichlet(np.full(N_CLASSES, 0.6), N_IMAGES)
    found = []
    for name, power in (("as they are", 1.0), ("too sure", 2.0), ("too modest", 0.5)):
        history = History(tmp_path / name)
        said = chances**power / (chances**power).sum(axis=1, keepdims=True)
        history.add(VERSIONS[0], chances.argmax(axis=1), expect(0.9), said)
        found.append(history.draw(history.note(0.9)).part_sds[0])
    np.testing.assert_allclose(found, found[0], rtol=1e-3)
    assert found[0] == pytest.approx(np.sqrt(2 * 0.9 * 0.1 / 30), rel=0.4)


def test_without_probabilities_the_plain_rule_holds(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(VERSIONS[0], np.zeros(N_IMAGES, int), expect(0.9))
    history.add(VERSIONS[1], np.ones(N_IMAGES, int), expect(0.9))
    history.note(0.8, VERSIONS[0])
    rows = history.note(0.8, VERSIONS[1])
    draws = history.draw(rows)
    plain = spread_between_parts(make_even_confusion(3, 0.8), 30, 30, "macro_f1", 200, SETTINGS.seed)
    np.testing.assert_allclose(draws.part_sds, plain)
    np.testing.assert_allclose(draws.public_sds, plain / 2**0.5)
    assert draws.find_noise(0, 1) == pytest.approx(2 * plain)
    assert not draws.is_paired(0, 1)
    assert draws.differing[0, 1] == 1.0


def test_submission_for_other_test_images_is_not_compared(history: History, caplog: pytest.LogCaptureFixture) -> None:
    history.note(0.90, VERSIONS[0])
    rows = history.note(0.91, VERSIONS[1])
    other = TEMPLATE.assign(ID=TEMPLATE["ID"] + "x")
    draws = draw_boards(rows, history.load(), other, CLASSES, 0.5, SETTINGS)
    assert np.isnan(draws.differing).all() and np.isfinite(draws.part_sds).all()
    assert "made for other test images or classes" in caplog.text


def test_gain_within_noise_is_warned_of_and_one_beyond_is_not(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    history.note(0.9501, VERSIONS[0])
    rows = history.note(0.9547, VERSIONS[2])
    gains = judge_gains(rows, history.draw(rows))
    noise = gains["noise"].iloc[1]
    assert gains["gain"].iloc[1] == pytest.approx(0.0046) and gains["is_within_noise"].tolist() == [False, True]
    assert caplog.messages[-1] == (
        f"0.9547 after 0.9501: a gain of 0.0046 is within the noise of {noise:.4f} (two standard deviations)"
    )
    caplog.clear()
    rows.loc[0, "public_score"] = 0.2
    assert judge_gains(rows, history.draw(rows))["is_within_noise"].tolist() == [False, False]
    assert caplog.messages == []


def test_gain_is_over_the_best_before_and_a_loss_is_no_gain(history: History, caplog: pytest.LogCaptureFixture) -> None:
    for version, score in zip(VERSIONS, (0.90, 0.85, 0.89), strict=True):
        rows = history.note(score, version)
    caplog.clear()
    gains = judge_gains(rows, history.draw(rows))
    assert gains["best_before"].tolist() == ["", VERSIONS[0], VERSIONS[0]]
    np.testing.assert_allclose(gains["gain"].iloc[1:], [-0.05, -0.01])
    assert caplog.messages == []
    rows["public_score"] = [0.85, 0.90, 0.89]
    assert judge_gains(rows, history.draw(rows))["best_before"].tolist() == ["", VERSIONS[0], VERSIONS[1]]


def test_pair_is_told_when_asked_for(history: History, caplog: pytest.LogCaptureFixture) -> None:
    for version in VERSIONS:
        rows = history.note(0.9, version)
    draws = history.draw(rows)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        pair = propose_pair(rows, draws, False)
        assert caplog.messages == []
        assert propose_pair(rows, draws, True) == pair
    assert caplog.messages == pair["reasons"]
    assert pair["submissions"] == [VERSIONS[1], VERSIONS[2]]
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


def test_scores_without_a_test_part_are_refused(history: History) -> None:
    rows = history.note(0.9)
    with pytest.raises(InputError, match="the competition has 0 test images"):
        draw_boards(rows, history.load(), TEMPLATE.iloc[:0], CLASSES, 0.5, SETTINGS)


def test_empty_ledger_goes_through_all_nodes(history: History) -> None:
    rows = history.note(None)
    draws = history.draw(rows)
    assert judge_gains(rows, draws).empty
    assert propose_pair(rows, draws, False)["submissions"] == []
