import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.pipelines.ledger.draws import BoardDraws
from podium.pipelines.ledger.nodes import judge_gains, show_ledger
from podium.pipelines.ledger.page import Scale
from podium.pipelines.ledger.pair import choose_pair
from podium.pipelines.ledger.rows import make_rows

NASTY = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Collects tags, their attributes and all text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make_page(**changes: Any) -> tuple[Reader, str]:
    columns = {
        "submission": ["v1", "v2", "v3"],
        "public_score": [0.9501, 0.9547, 0.9100],
        "criterion": "macro_f1",
        "expected": [0.955, 0.953, 0.94],
        "expected_low": [0.94, 0.938, np.nan],
        "expected_high": [0.97, 0.968, np.nan],
        "expected_sd": [0.009, 0.009, np.nan],
        "members": "기본-0123456789ab",
        "note": NASTY,
    }
    ledger = make_rows(pd.DataFrame(columns | changes).to_dict("records"))
    n = len(ledger)
    draws = BoardDraws(np.full(n, 0.005), np.full(n, 0.0074), np.full((n, n), 0.0074), np.full((n, n), 0.05))
    pair = choose_pair(ledger, draws)
    page = show_ledger(ledger, draws, judge_gains(ledger, draws), pair, f"얼굴 {NASTY}")
    reader = Reader()
    reader.feed(page)
    return reader, page


def test_warning_names_both_scores_the_gain_and_the_noise() -> None:
    reader, _ = make_page()
    assert (
        "0.9547 after 0.9501: a gain of 0.0046 is within the noise of 0.0148 (two standard deviations)" in reader.text
    )
    assert reader.text.count("⚠") == 1


def test_every_text_is_escaped_and_readable() -> None:
    reader, page = make_page()
    assert "<script" not in page
    assert reader.text.count(NASTY) == 2 + 3  # title, heading, and each note
    assert "기본-0123456789ab" in reader.text


def test_many_members_are_counted() -> None:
    assert "가, 나, 다 and 2 more" in make_page(members="가 | 나 | 다 | 라 | 마")[0].text
    text = make_page(members="가 | 나 | 다")[0].text
    assert "가, 나, 다" in text and "다 and" not in text


def test_page_needs_no_other_file_and_no_script() -> None:
    reader, page = make_page()
    assert not {name for name, _ in reader.tags} & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_expected_stands_beside_the_board_with_its_interval() -> None:
    text = re.sub(r"\s+", " ", make_page()[0].text)
    assert "0.9550 [0.9400, 0.9700] 0.9501" in text
    assert "0.9400 0.9100" in text


def test_score_outside_of_its_interval_is_marked() -> None:
    assert "0.9000 outside" in re.sub(r"\s+", " ", make_page(public_score=[0.90, 0.9547, 0.9100])[0].text)
    assert " outside " not in re.sub(r"\s+", " ", make_page()[0].text.split("Noise is two")[0])


def test_points_lie_where_their_scores_say_and_the_diagonal_where_both_agree() -> None:
    reader, _ = make_page(public_score=[0.955, 0.953, 0.91])
    (diagonal,) = [line for line in reader.find("line") if line.get("class") == "diagonal"]
    x1, y1, x2, y2 = (float(str(diagonal[key])) for key in ("x1", "y1", "x2", "y2"))
    squares = [box for box in reader.find("rect") if box.get("class") == "chosen"]
    assert len(squares) == 2 and len(reader.find("circle")) == 1
    for square in squares:
        x, y = float(str(square["x"])) + 6, float(str(square["y"])) + 6
        assert y == pytest.approx(y1 + (x - x1) / (x2 - x1) * (y2 - y1), abs=0.3)
    (circle,) = reader.find("circle")
    assert float(str(circle["cy"])) > y1 + (float(str(circle["cx"])) - x1) / (x2 - x1) * (y2 - y1) + 5  # below it


def test_empty_ledger_says_how_to_fill_it() -> None:
    reader, page = make_page(**{name: [] for name in ("submission", "public_score", "expected", "expected_low",
                                                     "expected_high", "expected_sd")})  # fmt: skip
    assert "No score is noted yet" in reader.text
    assert "<svg" not in page


def test_without_expected_scores_there_is_no_plot() -> None:
    unknown = [np.nan] * 3
    reader, page = make_page(expected=unknown, expected_low=unknown, expected_high=unknown, expected_sd=unknown)
    assert "<svg" not in page and "not known" in reader.text


@pytest.mark.parametrize(("low", "high"), [(0.9, 0.97), (0.0, 1.0), (0.9412, 0.9419)])
def test_ticks_are_few_round_and_within_the_range(low: float, high: float) -> None:
    ticks = Scale(low, high).list_ticks()
    assert 2 <= len(ticks) <= 7
    assert low - 1e-9 <= min(ticks) and max(ticks) <= high + 1e-9
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0])
