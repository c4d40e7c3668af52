import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from pipelines.report.drawn_members import ATTRIBUTES, CLASSES, GOOD, N_CLASSES, POOR, make_reported
from podium.class_parts import list_parts
from podium.ensembling.criteria import BOUNDS, Criterion, score
from podium.ensembling.resampling import bootstrap_scores, make_interval
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.report.nodes import score_reported
from podium.pipelines.report.scoring import (
    CHOSEN_HERE,
    NESTED,
    Candidate,
    draw_counts,
    draw_groups,
    score_candidates,
    score_values,
)

CONFIG = EnsembleConfig(n_draws=200, seed=3)
REPORTED = make_reported()
TABLES = score_reported(REPORTED, CLASSES, ATTRIBUTES, CONFIG)


def find_row(table: pd.DataFrame, **values: str) -> pd.Series:
    (row,) = [row for _, row in table.iterrows() if all(row[key] == value for key, value in values.items())]
    return row


def normalize(said: np.ndarray) -> np.ndarray:
    """Sum to 1 in double precision too, which scikit-learn asks for."""
    said = said.astype(np.float64)
    return said / said.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", [GOOD, POOR, "teammate:민지", "ensemble"])
def test_scores_are_those_of_scikit_learn(name: str) -> None:
    kind = NESTED if name == "ensemble" else "out of fold"
    row = find_row(TABLES["report_scores"], member=name, kind=kind, attribute="")
    labels, said = REPORTED.labels, REPORTED.get_oof(name)
    answers = said.argmax(axis=1)
    assert row["macro_f1"] == pytest.approx(f1_score(labels, answers, average="macro"))
    assert row["accuracy"] == pytest.approx(accuracy_score(labels, answers))
    assert row["log_loss"] == pytest.approx(log_loss(labels, normalize(said), labels=range(N_CLASSES)), rel=1e-5)
    assert row["n_images"] == len(labels)


@pytest.mark.parametrize("attribute", list(ATTRIBUTES))
def test_attribute_is_scored_on_the_value_of_the_most_probable_class(attribute: str) -> None:
    row = find_row(TABLES["report_scores"], member=GOOD, attribute=attribute)
    values, said = CLASSES[attribute].to_numpy(), REPORTED.get_oof(GOOD)
    true, answers = values[REPORTED.labels], values[said.argmax(axis=1)]
    assert row["macro_f1"] == pytest.approx(f1_score(true, answers, average="macro"))
    assert row["accuracy"] == pytest.approx(accuracy_score(true, answers))
    names = sorted(ATTRIBUTES[attribute]["values"])
    summed = np.stack([said[:, values == name].sum(axis=1) for name in names], axis=1)
    assert row["log_loss"] == pytest.approx(log_loss(true, normalize(summed), labels=names), rel=1e-4)


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy", "log_loss"])
def test_intervals_are_those_of_the_ranking_of_members(criterion: Criterion) -> None:
    row = find_row(TABLES["report_scores"], member=GOOD, attribute="")
    labels, said = REPORTED.labels, REPORTED.get_oof(GOOD)
    draws = bootstrap_scores(said[None], labels, REPORTED.members.groups, criterion, CONFIG.n_draws, CONFIG.seed)[0]
    interval = make_interval(score(said, labels, criterion), draws, CONFIG.level, BOUNDS[criterion])
    expected = [interval.low, interval.high]
    if criterion == "log_loss":  # there negated, so that more is better
        expected = [-interval.high, -interval.low]
    found = [row[f"{criterion}_low"], row[f"{criterion}_high"]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("attribute", ["", *ATTRIBUTES])
def test_classes_are_scored_as_scikit_learn_scores_them(attribute: str) -> None:
    table = TABLES["report_class_scores"]
    rows = table[(table["member"] == POOR) & (table["attribute"] == attribute)]
    names = CLASSES[attribute or "class_name"].to_numpy()
    true, answers = names[REPORTED.labels], names[REPORTED.get_oof(POOR).argmax(axis=1)]
    values = ATTRIBUTES[attribute]["values"] if attribute else names.tolist()
    expected = precision_recall_fscore_support(true, answers, labels=values)
    assert rows["value"].tolist() == values
    for name, numbers in zip(("precision", "recall", "f1", "n_images"), expected, strict=True):
        np.testing.assert_allclose(rows[name], numbers)


def test_every_score_lies_within_its_interval_and_every_interval_within_the_scores_bounds() -> None:
    for table, names in (
        (TABLES["report_scores"], ("macro_f1", "accuracy", "log_loss")),
        (TABLES["report_class_scores"], ("precision", "recall", "f1")),
    ):
        for name in names:
            low, middle, high = (table[key].to_numpy() for key in (f"{name}_low", name, f"{name}_high"))
            assert (low <= middle).all() and (middle <= high).all() and (low >= 0).all()
            assert (low < high).mean() > 0.9
            assert name == "log_loss" or (high <= 1).all()


def test_best_comes_first_and_the_flattered_score_of_the_ensemble_last() -> None:
    rows = TABLES["report_scores"]
    rows = rows[rows["attribute"] == ""]
    honest = rows[rows["kind"] != CHOSEN_HERE]
    assert honest["macro_f1"].is_monotonic_decreasing
    assert rows.iloc[-1][["member", "kind"]].tolist() == ["ensemble", CHOSEN_HERE]
    by_loss = score_reported(REPORTED, CLASSES, {}, CONFIG.model_copy(update={"criterion": "log_loss"}))
    losses = by_loss["report_scores"]
    assert losses[losses["kind"] != CHOSEN_HERE]["log_loss"].is_monotonic_increasing


def test_without_an_ensemble_there_are_members_alone() -> None:
    tables = score_reported(make_reported(with_ensemble=False, only=[POOR]), CLASSES, {}, CONFIG)
    assert tables["report_scores"][["member", "kind", "attribute"]].to_numpy().tolist() == [[POOR, "out of fold", ""]]
    assert set(tables["report_class_scores"]["member"]) == {POOR}


def test_counts_of_draws_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    labels, answers, groups = (rng.integers(0, n, 50) for n in (3, 3, 20))
    groups = np.unique(groups, return_inverse=True)[1]
    draws = draw_groups(groups, 5, seed=1)
    counts = draw_counts(labels, answers, groups, 3, draws)
    for draw, weights in enumerate(draws):
        of_image = weights[groups]
        for value in range(3):
            hit = of_image[(labels == value) & (answers == value)].sum()
            expected = [hit, of_image[answers == value].sum(), of_image[labels == value].sum()]
            assert counts[draw, :, value].tolist() == expected


def test_as_many_groups_are_drawn_as_there_are() -> None:
    draws = draw_groups(np.array([0, 0, 1, 2, 3, 3]), 50, seed=1)
    assert (draws.sum(axis=1) == 4).all()
    assert (draws == 0).any()


def test_class_without_images_or_predictions_has_no_scores_where_none_can_be() -> None:
    said = np.array([[0.9, 0.1, 0.0, 0.0], [0.8, 0.1, 0.1, 0.0], [0.1, 0.2, 0.7, 0.0]], np.float32)
    labels, groups = np.array([0, 1, 0]), np.array([0, 1, 2])
    candidate, (part,) = Candidate("가", "out of fold", said), list_parts(CLASSES, {})
    rows = list(score_values(candidate, part, labels, groups, draw_groups(groups, 100, 0), 0.9))
    assert [np.isnan(row["precision"]) for row in rows] == [False, True, False, True]
    assert [np.isnan(row["recall"]) for row in rows] == [False, False, True, True]
    assert [np.isnan(row["f1"]) for row in rows] == [False, False, False, True]
    assert [row["f1"] for row in rows[:3]] == [0.5, 0.0, 0.0]


def test_dependent_images_make_wider_intervals() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, 100), 4)
    said = np.eye(2, dtype=np.float32)[np.where(np.repeat(rng.random(100) < 0.8, 4), labels, 1 - labels)]
    (part,) = list_parts(CLASSES.iloc[:2], {})
    widths = []
    for groups in (np.arange(400), np.arange(400) // 4):
        row = score_candidates(
            [Candidate("가", "", said)], part, labels, groups, draw_groups(groups, 300, 0), EnsembleConfig(level=0.9)
        )[0]
        widths.append(row["accuracy_high"] - row["accuracy_low"])
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.25)  # four alike count for one: twice the standard error


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy", "log_loss"])
def test_difference_to_the_best_is_that_of_scikit_learn_in_the_same_draws(criterion: Criterion) -> None:
    """Draw by draw, images are repeated as often as their group was drawn, and both tables scored on them."""
    config = EnsembleConfig(n_draws=100, seed=5, criterion=criterion)
    groups, labels = REPORTED.members.groups, REPORTED.labels
    draws = draw_groups(groups, config.n_draws, config.seed)
    candidates = [Candidate(name, "out of fold", REPORTED.get_oof(name)) for name in (POOR, GOOD)]
    part = list_parts(CLASSES, ATTRIBUTES)[0]
    rows = {row["member"]: row for row in score_candidates(candidates, part, labels, groups, draws, config)}
    assert np.isnan([rows[GOOD][key] for key in ("behind", "behind_low", "behind_high")]).all()

    def measure(name: str, picked: np.ndarray) -> float:
        said, true = REPORTED.get_oof(name)[picked], labels[picked]
        if criterion == "log_loss":
            return -float(log_loss(true, normalize(said), labels=range(N_CLASSES)))
        answers = said.argmax(axis=1)
        return float(
            accuracy_score(true, answers) if criterion == "accuracy" else f1_score(true, answers, average="macro")
        )

    everything = np.arange(len(labels))
    lacking = measure(GOOD, everything) - measure(POOR, everything)
    assert rows[POOR]["behind"] == pytest.approx(lacking, abs=1e-6) and lacking > 0
    drawn = []
    for times in draws.astype(int):
        picked = np.repeat(everything, times[groups])
        drawn.append(measure(GOOD, picked) - measure(POOR, picked))
    expected = make_interval(lacking, np.array(drawn), config.level)
    found = (rows[POOR]["behind_low"], rows[POOR]["behind_high"])
    assert found == pytest.approx((expected.low, expected.high), abs=1e-5)


def test_table_chosen_on_these_images_is_neither_the_best_nor_behind_it() -> None:
    whole = TABLES["report_scores"].query("attribute == ''")
    assert whole.loc[whole["kind"] == CHOSEN_HERE, "behind"].isna().all()
    honest = whole[whole["kind"] != CHOSEN_HERE]
    assert honest["behind"].isna().sum() == 1 and np.isnan(honest["behind"].iloc[0])
    assert (honest["behind"].iloc[1:] >= 0).all()
