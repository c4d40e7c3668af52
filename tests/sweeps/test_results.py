"""Tables of what came out, compared with numbers worked out by hand and by SciPy."""

import math
from typing import Any

import pandas as pd
import pytest
import yaml
from scipy import stats

from podium.sweeps import pictures, results


def make_trial(change: str, seed: int, value: float | None, state: str = "finished", **more: Any) -> dict[str, Any]:
    stated = {"based_on": "기준", "loss": {"name": change}, "seed": seed}
    key = f"{change}-seed{seed}"
    return {"key": key, "change": change, "seed": seed, "values": {}, "recipe": f"s-{key}", "stated": stated,
            "state": state, "value": value, "tries": 1, "member": "m", **more}  # fmt: skip


VALUES = {"base": [0.50, 0.60, 0.55], "나음": [0.55, 0.68, 0.60], "못함": [0.40, 0.62, 0.50]}
TRIALS = [make_trial(change, seed, value) for change, values in VALUES.items() for seed, value in enumerate(values)]


def test_effects_are_paired_by_seed_with_students_interval() -> None:
    table = results.measure_effects(TRIALS).set_index("change")
    assert list(table.index) == ["base", "나음", "못함"]
    for change in ("나음", "못함"):
        pairs = [value - base for value, base in zip(VALUES[change], VALUES["base"], strict=True)]
        low, high = stats.t.interval(0.95, 2, loc=sum(pairs) / 3, scale=stats.sem(pairs))
        row = table.loc[change]
        assert (row["n_trials"], row["n_pairs"]) == (3, 3)
        assert [row["mean"], row["difference"], row["low"], row["high"]] == pytest.approx(
            [sum(VALUES[change]) / 3, sum(pairs) / 3, low, high]
        )
        assert row["sd"] == pytest.approx(pd.Series(VALUES[change]).std())


def test_only_finished_trials_count_and_one_pair_has_no_interval() -> None:
    trials = [make_trial("base", 1, 0.5), make_trial("나음", 1, 0.6), make_trial("나음", 2, 0.7, "pruned"),
              make_trial("나음", 3, None, "failed")]  # fmt: skip
    table = results.measure_effects(trials)
    (row,) = table[table["change"] == "나음"].itertuples()
    assert (row.n_trials, row.n_pairs, row.difference) == (1, 1, pytest.approx(0.1))
    assert math.isnan(row.low)


def test_recipes_without_a_base_are_ordered_by_their_scores() -> None:
    trials = [make_trial("a", 1, 0.5), make_trial("b", 1, 0.7)]
    table = results.measure_effects(trials)
    assert list(table["change"]) == ["b", "a"]
    assert table["difference"].isna().all()


def test_tables_of_an_untouched_sweep_are_empty_and_have_their_columns() -> None:
    waiting = [make_trial("base", 1, None, "waiting")]
    assert list(results.measure_effects(waiting).columns) == list(results.EFFECT_COLUMNS)
    assert len(results.measure_effects(waiting)) == 0
    assert len(results.tabulate_importances({})) == 0
    assert results.describe_results("찾기", waiting, "f") == ["sweep '찾기': 1 trials, 1 waiting"]


def test_trials_say_what_was_changed_and_why_they_failed() -> None:
    trials = [
        make_trial("focal", 1, 0.5, seconds=12.5, worker="w 1", ended=0.5),
        make_trial("느림", 2, None, "failed", error="없음"),
    ]
    table = results.tabulate_trials(trials)
    assert list(table["values"]) == ['{"loss": {"name": "focal"}}', '{"loss": {"name": "느림"}}']
    assert list(table["error"].isna()) == [True, False]
    assert table["ended"].iloc[0] == "1970-01-01T00:00:00.500+00:00"
    assert dict(zip(table.columns, map(str, table.dtypes), strict=True)) == results.TRIAL_COLUMNS


def test_recipes_of_finished_trials_are_offered_best_first() -> None:
    recipes = results.collect_recipes([*TRIALS, make_trial("끝", 9, 0.99, "pruned")])["recipes"]
    assert next(iter(recipes)) == "s-나음-seed1"
    assert len(recipes) == 9
    best = results.describe_results("s", TRIALS, "recipes.yml")
    assert best[1] == "best: 나음-seed1 with 0.6800, member m"
    assert "kedro run --params recipe=s-나음-seed1" in best[2]


def test_lines_of_a_recipe_are_whole_when_they_are_copied_alone() -> None:
    shared = {"optimizer": {"lr": 0.02}}
    trials = [make_trial("빠름", seed, 0.5) | {"stated": {**shared, "seed": seed}} for seed in (1, 2)]
    text = yaml.safe_dump(results.collect_recipes(trials), allow_unicode=True)
    assert "&" not in text and "*" not in text
    assert text.count("lr: 0.02") == 2


def test_importances_are_means_over_forests_largest_first() -> None:
    table = results.tabulate_importances({"a": [0.2, 0.4], "b": [0.8, 0.6]})
    assert list(table["leaf"]) == ["b", "a"]
    assert table["share"].tolist() == pytest.approx([0.7, 0.3])
    assert table["sd"].tolist() == pytest.approx([math.sqrt(0.02)] * 2)


def test_pictures_show_each_change_with_its_pairs_and_say_where_there_is_nothing() -> None:
    bars = pictures.gather_effects(results.measure_effects(TRIALS), results.tabulate_trials(TRIALS))
    assert bars.names == ["나음", "못함"]
    assert bars.points[0] == pytest.approx([0.05, 0.08, 0.05])
    axis = pictures.draw_bars(bars, "t", "x", "-").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["나음", "못함"]
    plot = pictures.plot_bars(bars, "t", "x", "-")
    assert list(plot.data[1].x) == pytest.approx([0.06, -0.13 / 3])
    empty = pictures.Bars([], [], [], [], [], None)
    assert pictures.draw_bars(empty, "t", "x", "nothing yet").axes[0].texts[0].get_text() == "nothing yet"
    assert pictures.plot_bars(empty, "t", "x", "nothing yet").layout.annotations[0].text == "nothing yet"


def test_history_is_in_the_order_of_time_and_its_best_counts_finished_trials_alone() -> None:
    trials = [
        make_trial("a", 1, 0.5, ended=3600.0, worker="w"), make_trial("b", 1, 0.9, "pruned", ended=7200.0, worker="v"),
        make_trial("c", 1, 0.7, ended=0.0, worker="w"), make_trial("d", 1, None, "failed", ended=1.0, worker="w"),
        make_trial("e", 1, 0.8, ended=10800.0, worker="v"),
    ]  # fmt: skip
    history = pictures.gather_history(trials)
    assert history["hours"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert history["best"].tolist() == [0.7, 0.7, 0.7, 0.8]
    figure = pictures.draw_history(history, "t", "y")
    assert {text.get_text() for text in figure.axes[0].get_legend().get_texts()} == {
        "best so far", "v, finished", "v, pruned", "w, finished",
    }  # fmt: skip
    assert len(pictures.plot_history(history, "t", "y").data) == 3
    assert pictures.plot_history(pictures.gather_history([]), "t", "y").layout.annotations[0].text
    assert pictures.draw_history(pictures.gather_history([]), "t", "y").axes[0].texts


def test_best_of_equals_is_the_first_of_the_offered_recipes() -> None:
    equals = [make_trial("b", 1, 0.7), make_trial("a", 1, 0.7), make_trial("c", 1, 0.6)]
    first = next(iter(results.collect_recipes(equals)["recipes"]))
    assert first == "s-a-seed1"
    assert results.describe_results("s", equals, "recipes.yml")[2].endswith(f"recipe={first}")
