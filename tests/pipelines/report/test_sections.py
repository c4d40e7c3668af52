import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.report.drawn_members import ATTRIBUTES, CLASSES, GOOD, MATE, POOR, draw_history, make_reported
from podium.browser import Section
from podium.class_parts import list_parts
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.report.explaining import HeatMaps
from podium.pipelines.report.members import Reported
from podium.pipelines.report.nodes import (
    compare_configurations,
    list_contested_test_images,
    score_reported,
    suspect_labels,
)
from podium.pipelines.report.sections import Findings, choose_epoch, list_pairs, plan_curves, write_sections
from podium.vision.recipe import Recipe

NASTY = '<img src=x onerror="alert(1)">\'&'
CONFIG = EnsembleConfig(n_draws=100)
RECIPES = {GOOD: Recipe(name="기본", epochs=3), POOR: Recipe(name="작은것", epochs=7, batch_size=8)}


class Reader(HTMLParser):
    """Collects tags with their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def list_links(self) -> list[dict[str, Any]]:
        """Return what each link to images asks for."""
        links = [attributes for tag, attributes in self.tags if tag == "a"]
        assert all(link["href"] == "#podium-images" for link in links)
        return [json.loads(str(link["data-images"])) for link in links]


def make_findings(reported: Reported, classes: pd.DataFrame = CLASSES, attributes: Any = ATTRIBUTES) -> Findings:
    tables = score_reported(reported, classes, attributes, CONFIG)
    return Findings(
        reported=reported,
        parts=list_parts(classes, attributes),
        scores=tables["report_scores"],
        class_scores=tables["report_class_scores"],
        suspects=suspect_labels(reported, classes),
        contested=list_contested_test_images(reported, classes),
        configurations=compare_configurations(reported, {})["configurations"],
        level=CONFIG.level,
        criterion=CONFIG.criterion,
    )


def write(findings: Findings, heat_maps: HeatMaps | None = None) -> dict[str, Reader]:
    sections = write_sections(findings, {"competition": NASTY}, heat_maps or HeatMaps())
    assert all(isinstance(section, Section) for section in sections)
    return {section.anchor: Reader(section.html) for section in sections}


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def readers() -> dict[str, Reader]:
    return write(make_findings(make_reported(recipes=RECIPES)))


def test_sections_come_in_the_order_in_which_they_are_read(readers: dict[str, Reader]) -> None:
    assert list(readers) == ["overview", "scores", "confused", "suspects", "curves", "reliability", "configuration"]


def test_sections_have_no_scripts_and_need_nothing_from_elsewhere(readers: dict[str, Reader]) -> None:
    for reader in readers.values():
        assert not {tag for tag, _ in reader.tags} & {"script", "img", "link", "iframe", "object", "html", "body"}
        for _, attributes in reader.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert "http" not in "".join(str(value) for value in attributes.values())


def test_names_of_classes_members_and_images_are_escaped_everywhere() -> None:
    reported = make_reported(recipes=RECIPES)
    names = {name: name.replace("작은것", f"작은것{NASTY}") for name in [GOOD, POOR, MATE]}
    members = reported.members
    nasty = replace(
        members,
        names=[names[name] for name in members.names],
        load_test={names[name]: load for name, load in members.load_test.items()},
        images=members.images.assign(image_id=members.images["image_id"] + NASTY),
        test_ids=members.test_ids + NASTY,
    )
    reported = replace(
        reported, members=nasty, order=[names[name] for name in reported.order], notes=[NASTY],
        headers={names[name]: header for name, header in reported.headers.items()},
        histories={names[name]: history for name, history in reported.histories.items()},
    )  # fmt: skip
    classes = CLASSES.assign(class_name=CLASSES["class_name"] + NASTY, 성별=CLASSES["성별"] + NASTY)
    attributes = {**ATTRIBUTES, "성별": {"values": [f"남{NASTY}", f"여{NASTY}"]}}
    for anchor, reader in write(make_findings(reported, classes, attributes)).items():
        assert "img" not in {tag for tag, _ in reader.tags}, anchor
        assert NASTY in reader.text, anchor
        assert reader.list_links() is not None


def test_scores_of_all_stand_in_the_table_and_the_flattered_one_says_so(readers: dict[str, Reader]) -> None:
    findings, text = make_findings(make_reported()), squeeze(readers["scores"].text)
    for row in findings.scores.to_dict("records"):
        assert f"{row['macro_f1']:.4f}" in text
    for row in findings.class_scores[findings.class_scores["member"] == "ensemble"].to_dict("records"):
        assert f"{row['value']}{row['n_images']} {row['precision']:.4f} {row['precision_low']:.4f}–" in text
    assert "ensemble, nested" in text and "ensemble, chosen on these images" in text
    assert "0.500" in text  # a weight


def test_charts_compare_the_ensemble_and_the_best_three(readers: dict[str, Reader]) -> None:
    text = squeeze(readers["scores"].text)
    f1 = make_findings(make_reported()).class_scores
    (row,) = f1[(f1["member"] == POOR) & (f1["value"] == "착용 남")].to_dict("records")
    assert f"착용 남, {POOR}: {row['f1']:.4f} ({row['f1_low']:.4f} to {row['f1_high']:.4f})" in text


def test_most_frequent_confusions_open_their_images(readers: dict[str, Reader]) -> None:
    reported = make_reported()
    said = reported.get_oof("ensemble").argmax(axis=1)
    expected = Counter((t, p) for t, p in zip(reported.labels.tolist(), said.tolist(), strict=True) if t != p)
    links = readers["confused"].list_links()
    whole = [link for link in links if "attributes" not in link]
    assert {(link["true"], link["predicted"]) for link in whole} == set(expected)
    assert [expected[link["true"], link["predicted"]] for link in whole] == sorted(expected.values(), reverse=True)
    assert {link["member"] for link in links} == {"ensemble"}
    assert {"true": 0, "predicted": 1} in [link["attributes"].get("마스크") for link in links if "attributes" in link]


def test_pairs_are_counted_as_by_hand() -> None:
    pairs = list_pairs(np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2, 1]), 3)
    assert [(pair["true"], pair["predicted"], pair["n_images"], pair["n_true"]) for pair in pairs] == [
        (0, 1, 2, 3), (1, 0, 1, 1), (2, 1, 1, 2),
    ]  # fmt: skip
    assert [pair["share"] for pair in pairs] == [2 / 3, 1.0, 0.5]
    assert list_pairs(np.array([0, 1]), np.array([0, 1]), 2) == []


def test_suspects_and_contested_images_are_counted_and_linked(readers: dict[str, Reader]) -> None:
    findings, reader = make_findings(make_reported()), readers["suspects"]
    text = squeeze(reader.text)
    assert f"Of 120 training images, {len(findings.suspects)} are confidently" in text
    assert f"On {len(findings.contested)} of 12 test images not all 3 members" in text
    images = [link["image"] for link in reader.list_links() if "image" in link]
    suspects, contested = (list(table["image_id"].head(20)) for table in (findings.suspects, findings.contested))
    assert images == suspects + contested
    votes = Counter(findings.contested.filter(like="vote_").iloc[0])
    assert all(f"{n} × {name}" in text for name, n in votes.items())


def test_curves_ring_the_chosen_epoch_of_each_fold(readers: dict[str, Reader]) -> None:
    reader = readers["curves"]
    rings = [attributes for _, attributes in reader.tags if attributes.get("class") == "ring"]
    assert len(rings) == 2 * 2 * 2  # members, folds, charts
    assert "fold 0: epoch 1 was chosen; macro F1 0.6000" in reader.text
    assert f"Teammates handed over no curves: {MATE}." in squeeze(reader.text)


@pytest.mark.parametrize(
    ("criterion", "epoch", "shown"), [("macro_f1", 1, "macro F1"), ("accuracy", 2, "accuracy"), ("loss", 3, "macro F1")]
)
def test_chosen_epoch_is_the_first_best_by_the_recipes_criterion(criterion: str, epoch: int, shown: str) -> None:
    plan = plan_curves(pd.concat([draw_history(0), draw_history(1)]), criterion)
    assert [one["chosen"] for one in plan["epochs"]] == [epoch, epoch]
    assert plan["charts"][1]["y_name"] == f"{shown}, held-out fold"


def test_epoch_without_a_score_is_never_chosen() -> None:
    history = draw_history(0).assign(val_loss=[np.nan, 0.5, 0.4, 0.4])
    assert choose_epoch(history, "val_loss", "min") == 2


def test_history_without_any_score_has_curves_and_no_ring() -> None:
    lost = draw_history(0).assign(val_loss=np.nan, val_macro_f1=np.nan)
    for criterion in ("loss", "macro_f1"):
        plan = plan_curves(pd.concat([lost, draw_history(1)]), criterion)
        assert [one["chosen"] for one in plan["epochs"]] == [None, 3 if criterion == "loss" else 1]
        assert [len(line["marked"]) for line in plan["charts"][1]["lines"]] == [0, 1]
    text = write(make_findings(replace(make_reported(), histories={GOOD: lost})))["curves"].text
    assert "fold 0 none, since no epoch has a value" in squeeze(text)


def test_suspicion_is_explained_as_it_is_computed(readers: dict[str, Reader]) -> None:
    findings = make_findings(make_reported())
    many = pd.concat([findings.suspects] * 10, ignore_index=True)
    text = squeeze(write(replace(findings, suspects=many))["suspects"].text)
    assert "Suspicion is one less the probability of the label" in text
    reported = findings.reported
    rows = reported.members.images["image_id"].tolist()
    for suspect in findings.suspects.to_dict("records"):
        row = rows.index(suspect["image_id"])
        chance = float(reported.get_oof(reported.main)[row, reported.labels[row]])
        assert suspect["suspicion"] == pytest.approx(1 - chance, abs=1e-6)


def test_so_many_suspects_that_the_models_are_to_blame_come_with_a_warning() -> None:
    findings = make_findings(make_reported())
    n = len(findings.reported.labels)
    for n_suspects, is_told in ((n // 5, False), (n // 5 + 1, True)):
        suspects = pd.concat([findings.suspects] * n, ignore_index=True).head(n_suspects)
        text = squeeze(write(replace(findings, suspects=suspects))["suspects"].text)
        assert ("So many say more of the models than of the labels" in text) == is_told


def test_best_member_is_behind_nobody_and_the_others_by_the_difference_of_scores(readers: dict[str, Reader]) -> None:
    text = squeeze(readers["scores"].text)
    scores = make_findings(make_reported()).scores
    whole = scores[(scores["attribute"] == "") & (scores["kind"] != "chosen on these images")]
    behind = whole["behind"].dropna()
    assert "macro F1 behind the best" in text and len(behind) == len(whole) - 1
    for row in whole[whole["behind"].notna()].to_dict("records"):
        assert f"{row['behind']:.4f} {row['behind_low']:.4f}–{row['behind_high']:.4f}" in text


def test_member_put_together_of_others_has_scores_but_no_curve() -> None:
    reported = make_reported()
    joined = draw_history(0, 1).assign(train_loss=np.nan)
    reader = write(make_findings(replace(reported, histories={GOOD: joined, POOR: draw_history(1)})))["curves"]
    assert "Put together of other members" in squeeze(reader.text) and "Fold 0: 0.2000" in squeeze(reader.text)
    assert len([tag for tag, _ in reader.tags if tag == "svg" and _.get("role") == "img"]) == 2


def test_reliability_stands_before_and_after_the_temperature(readers: dict[str, Reader]) -> None:
    text = squeeze(readers["reliability"].text)
    assert "temperature of 0.8000 (sharper" in text
    assert "ensemble, before temperature and offsets" in text
    assert "ensemble, temperature fitted on other images" in text
    assert "expected calibration error (Naeini et al., 2015)" in text


def test_configuration_tells_in_words_what_was_changed(readers: dict[str, Reader]) -> None:
    text = squeeze(readers["configuration"].text)
    assert f"{GOOD} changes 1 of" in text and "epochs 3 (not 10)" in text
    assert f"{POOR} changes 2 of" in text and "batch_size 8 (not 32)" in text
    assert f"Of {MATE} no recipe is known" in text
    changed = [tag for tag, attributes in readers["configuration"].tags if attributes.get("class") == "changed"]
    assert len(changed) == 3


def test_members_of_one_recipe_are_told_of() -> None:
    same = {GOOD: RECIPES[GOOD], POOR: RECIPES[GOOD]}
    text = squeeze(write(make_findings(make_reported(recipes=same)))["configuration"].text)
    assert f"{GOOD}, {POOR} have one recipe" in text


def test_heat_maps_and_notes_are_told_at_a_glance() -> None:
    heat_maps = HeatMaps(GOOD, {"가": np.zeros((2, 2), np.uint8)}, ["No heat maps of 나."])
    reader = write(make_findings(make_reported()), heat_maps)["overview"]
    assert {"heat": True, "sort": "loss"} in reader.list_links()
    assert "No heat maps of 나." in reader.text
    assert "heat" not in write(make_findings(make_reported()))["overview"].text


def test_one_member_alone_without_attributes_ensemble_or_test_part_has_a_report() -> None:
    reported = make_reported(with_ensemble=False, only=[POOR])
    members = reported.members
    empty = np.zeros((0, 4), np.float32)
    bare = replace(members, test_ids=members.test_ids.iloc[:0], load_test={POOR: lambda: empty})
    readers = write(make_findings(replace(reported, members=bare), CLASSES[["label", "class_name"]], {}))
    assert "There is no test part." in readers["suspects"].text
    assert "ensemble" not in squeeze(readers["scores"].text + readers["reliability"].text)
    assert "kedro run --pipeline ensemble" in readers["overview"].text


def test_member_cannot_contest_itself_and_members_that_agree_are_told_so() -> None:
    reported = make_reported(with_ensemble=False, only=[POOR])
    assert "One member cannot disagree" in write(make_findings(reported))["suspects"].text
    both = make_reported(with_ensemble=False, only=[GOOD, POOR])
    said = both.get_test(GOOD)
    agreeing = replace(both, members=replace(both.members, load_test={GOOD: lambda: said, POOR: lambda: said}))
    assert "All members agree on each of the 12 test images." in write(make_findings(agreeing))["suspects"].text


def test_teammates_alone_have_a_report() -> None:
    reported = make_reported(with_ensemble=False, only=[MATE])
    readers = write(make_findings(reported))
    assert f"Teammates handed over no curves: {MATE}." in squeeze(readers["curves"].text)
    assert f"Of {MATE} no recipe is known" in squeeze(readers["configuration"].text)
