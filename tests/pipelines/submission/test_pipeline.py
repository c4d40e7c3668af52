import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.pipelines.submission import create_pipeline
from podium.probabilities import make_table

CHANCES = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
EXPECTED = {"criterion": "macro_f1", "score": 0.8125, "low": 0.75, "high": 0.875, "level": 0.9, "n_images": 1}
RANKING = {"score": 0.8, "low": 0.7, "high": 0.9, "macro_f1": 0.8, "accuracy": 0.8, "log_loss": 0.5, "n_images": 4}
METHOD = {"score": 0.9, "nested_score": 0.8125, "low": 0.7, "high": 0.9, "gain": 0.0125, "gain_low": -0.01,
          "gain_high": 0.03, "certainty": 0.8}  # fmt: skip


def run(**changes: Any) -> dict[str, Any]:
    """Run the nodes one after another; all that they read and write, by name."""
    values: dict[str, Any] = {
        "ensemble_probabilities": make_table(pd.Series(["test/가.png", "test/나.png"]), -1, CHANCES),
        "submission_template": pd.DataFrame(
            {"image_id": ["test/나.png", "test/가.png"], "ID": ["나.png", "가.png"], "target": [0, 0]}
        ),
        "classes": pd.DataFrame({"label": [0, 1], "class_name": ["개", "<b>새</b>"], "target": [5, 3]}),
        "targets": pd.DataFrame({"image_id": ["a"], "label": [0], "training_label": [0]}),
        "quarantined_images": pd.DataFrame({"image_id": pd.Series(dtype=str)}),
        "params:competition": "동물 & 새",
        "ensemble_scores": {"expected_private": {**EXPECTED, "attributes": {"크기": EXPECTED}}},
        "ensemble_weights": pd.DataFrame({"member": ["기준-0b"], "weight": [1.0]}),
        "member_ranking": pd.DataFrame([
            {"rank": 1, "member": "기준-0b", **RANKING}, {"rank": 2, "member": "<script>alert(1)</script>", **RANKING}
        ]),
        "method_scores": pd.DataFrame([
            {"method": "greedy", **METHOD}, {"method": "greedy with class offsets", **METHOD},
            {"method": "best_single", **METHOD},
        ]),
        "ensemble_choice": {"method": "greedy", "class_offsets": True, "reason": "it gains"},
        "decision": {"temperature": 1.25, "offsets": [0.5, -0.5], "log_loss_before": 0.6, "log_loss_after": 0.55},
        "ensemble_digests": {"split_digest": "aaaa1111bbbb", "content_digest": "cccc2222dddd", "weights_digest": "e"},
        **changes,
    }  # fmt: skip
    for node in create_pipeline().nodes:
        values |= node.run({name: values[name] for name in node.inputs})
    return values


def test_probabilities_become_the_organisers_file() -> None:
    assert run()["submission"].to_dict("list") == {"ID": ["나.png", "가.png"], "target": [3, 5]}


def test_page_tells_members_scores_interval_digests_and_answers() -> None:
    page = run()["submission_page"]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<body>") :]))
    for told in (
        "Submission of 동물 &amp; 새", "Macro F1 to expect on the private part (1 images)", "0.8125",
        "in 90 of 100 cases between 0.7500 and 0.8750", "크기", "기준-0b 1.000", "Temperature 1.250",
        "aaaa1111bbbb", "cccc2222dddd", "개 5 1 50.0 % 100.0 %", "+0.50 × 1.65",
    ):  # fmt: skip
        assert told in text, told
    assert re.search(r"commit</dt><dd><code>([0-9a-f]{40}|unknown)", page)


def test_page_escapes_names_and_loads_nothing() -> None:
    page = run()["submission_page"]
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>새" not in page
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert "default-src 'none'" in page


def test_row_of_the_method_that_is_used_is_marked() -> None:
    for choice, used in (
        ({"method": "greedy", "class_offsets": True, "reason": ""}, "greedy with class offsets"),
        ({"method": "best_single", "class_offsets": False, "reason": ""}, "best single"),
    ):
        page = run(ensemble_choice=choice)["submission_page"]
        marked = re.findall(r'<tr class="used"><td class="name">([^<]+)<', page)
        assert marked == [used]


def test_same_tables_give_the_same_page() -> None:
    assert run()["submission_page"] == run()["submission_page"]


@pytest.mark.parametrize("offsets", [[], [0.5, -0.5]])
def test_competition_without_a_test_part_has_a_page_too(offsets: list[float]) -> None:
    template = pd.DataFrame({"image_id": [], "ID": [], "target": []})
    decision = {"temperature": 1.0, "offsets": offsets, "log_loss_before": 0.6, "log_loss_after": 0.6}
    values = run(submission_template=template, decision=decision)
    assert values["submission"].empty
    assert "nothing to submit" in values["submission_page"]
