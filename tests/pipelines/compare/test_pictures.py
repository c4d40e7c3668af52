import numpy as np
import pandas as pd
import pytest

from podium.pipelines.compare.pictures import arrange_pairs, draw_agreement, plot_agreement, word_pair

NAMES = ["민수", "alex", "c"]
PAIRS = pd.DataFrame(
    {
        "first": ["민수", "민수", "alex"],
        "second": ["alex", "c", "c"],
        "agreement": [0.95, 0.5, 0.25],
        "kappa": [0.9, np.nan, -0.1],
    }
)


def test_pairs_are_laid_out_on_both_sides() -> None:
    shares, kappas = arrange_pairs(PAIRS, NAMES)
    np.testing.assert_array_equal(shares, [[1, 0.95, 0.5], [0.95, 1, 0.25], [0.5, 0.25, 1]])
    np.testing.assert_array_equal(kappas, kappas.T)


def test_undefined_kappa_is_a_dash() -> None:
    assert word_pair(0.951, float("nan"), " ") == "95.1% κ –"
    assert word_pair(1.0, -0.125, " ") == "100.0% κ -0.12"


def test_picture_holds_every_name_and_number() -> None:
    axis = draw_agreement(PAIRS, NAMES).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == NAMES
    assert sorted(text.get_text() for text in axis.texts) == sorted(
        ["95.0%\nκ 0.90", "50.0%\nκ –", "25.0%\nκ -0.10"] * 2
    )


@pytest.mark.filterwarnings("error")
def test_korean_names_have_letters_in_the_picture() -> None:
    draw_agreement(PAIRS, NAMES).canvas.draw()


def test_plot_shows_what_the_picture_shows() -> None:
    figure = plot_agreement(PAIRS, NAMES)
    np.testing.assert_array_equal(np.asarray(figure.data[0].z), arrange_pairs(PAIRS, NAMES)[0])
    assert list(figure.layout.xaxis.ticktext) == NAMES
    assert figure.data[0].text[0][1] == "95.0%<br>κ 0.90"


def test_many_teammates_are_drawn_without_numbers() -> None:
    names = [f"t{number}" for number in range(21)]
    none = PAIRS.iloc[:0]
    assert len(draw_agreement(none, names).axes[0].texts) == 0
    assert plot_agreement(none, names).data[0].texttemplate is None
