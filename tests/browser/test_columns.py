"""What the page computes in advance, against scikit-learn and scipy."""

import base64

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import log_loss

from browser.drawn_gallery import CLASSES, draw_answers, draw_gallery
from podium.browser.columns import (
    FULL_CHANCE,
    digest_content,
    encode,
    encode_thumbnails,
    find_predicted,
    measure_disagreement,
    measure_losses,
    measure_margins,
    pack_gallery,
    pack_member,
    quantise,
    shrink_heat_map,
)
from podium.ensembling.criteria import LEAST_PROBABILITY

LABELS = np.arange(30) % 5
CHANCES = draw_answers(LABELS, 5, 1.0, 0)
SILENT = np.array([3, 17])


def decode(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def silence(chances: np.ndarray) -> np.ndarray:
    return np.where(np.isin(np.arange(len(chances)), SILENT)[:, None], np.float32(np.nan), chances)


def test_predicted_class_is_the_likeliest_of_the_unrounded_probabilities() -> None:
    near = np.array([[0.3, 0.35, 0.35000002], [0.4, 0.4, 0.2]], np.float32)
    assert quantise(near.astype(np.float64))[0, 1] == quantise(near.astype(np.float64))[0, 2]
    packed = pack_member("a", near, np.array([0, 0]), is_class_only=False)
    assert decode(packed["predicted"], "<i2").tolist() == near.argmax(axis=1).tolist() == [2, 0]


def test_silent_members_predict_nothing() -> None:
    predicted = find_predicted(silence(CHANCES))
    assert predicted[SILENT].tolist() == [-1, -1]
    np.testing.assert_array_equal(np.delete(predicted, SILENT), np.delete(CHANCES.argmax(axis=1), SILENT))


def test_losses_are_those_of_scikit_learn() -> None:
    losses = measure_losses(CHANCES.astype(np.float64), LABELS)
    for label, row, loss in zip(LABELS, CHANCES.astype(np.float64), losses, strict=True):
        assert loss == pytest.approx(log_loss([label], [row / row.sum()], labels=range(5)), rel=1e-5)


def test_loss_of_a_class_held_impossible_is_finite_and_unknown_classes_have_none() -> None:
    losses = measure_losses(np.array([[0.0, 1.0], [0.5, 0.5], [np.nan, np.nan]]), np.array([0, -1, 1]))
    assert losses[0] == pytest.approx(-np.log(LEAST_PROBABILITY))  # as everywhere in Podium
    assert np.isnan(losses[1:]).all()


def test_margin_is_the_lead_of_the_likeliest_class() -> None:
    ordered = np.sort(CHANCES.astype(np.float64), axis=1)
    np.testing.assert_allclose(measure_margins(CHANCES.astype(np.float64)), ordered[:, -1] - ordered[:, -2])
    assert np.isnan(measure_margins(silence(CHANCES).astype(np.float64))[SILENT]).all()
    assert measure_margins(np.array([[1.0], [np.nan]])).tolist()[0] == 1.0


def test_disagreement_of_two_is_the_jensen_shannon_divergence_of_scipy() -> None:
    other = draw_answers(LABELS, 5, 0.2, 1)
    expected = jensenshannon(CHANCES.astype(np.float64), other.astype(np.float64), base=2, axis=1) ** 2
    np.testing.assert_allclose(measure_disagreement([CHANCES, other]), expected, atol=1e-6)


def test_disagreement_is_zero_among_equals_and_the_log_of_their_number_among_opposites() -> None:
    np.testing.assert_allclose(measure_disagreement([CHANCES] * 3), 0, atol=1e-6)
    opposites = [np.eye(4, dtype=np.float32)[[k, k]] for k in range(4)]
    np.testing.assert_allclose(measure_disagreement(opposites), 2.0)


def test_silent_members_take_no_part_in_disagreement() -> None:
    other = draw_answers(LABELS, 5, 0.2, 1)
    np.testing.assert_allclose(
        np.delete(measure_disagreement([silence(CHANCES), other]), SILENT),
        np.delete(measure_disagreement([CHANCES, other]), SILENT),
    )
    assert np.isnan(measure_disagreement([silence(CHANCES), other])[SILENT]).all()
    three = measure_disagreement([silence(CHANCES), CHANCES, other])
    np.testing.assert_allclose(three[SILENT], measure_disagreement([CHANCES, other])[SILENT])
    assert np.isnan(measure_disagreement([CHANCES])).all()


def test_kept_probabilities_are_off_by_less_than_one_in_a_hundred_thousand() -> None:
    chances = draw_answers(np.arange(200) % 40, 40, 3.0, 2)
    packed = pack_member("a", chances, np.arange(200) % 40, is_class_only=False)
    top = decode(packed["topClasses"], "<i2").reshape(200, 10)
    kept = decode(packed["topChances"], "<u2").reshape(200, 10) / FULL_CHANCE
    np.testing.assert_array_equal(top, np.argsort(-chances, axis=1, kind="stable")[:, :10])
    assert np.abs(kept - np.take_along_axis(chances, top.astype(int), axis=1)).max() < 1e-5


def test_member_of_classes_alone_has_no_probabilities_and_no_losses() -> None:
    packed = pack_member("a", np.eye(5, dtype=np.float32)[LABELS], LABELS, is_class_only=True)
    assert set(packed) == {"name", "classOnly", "predicted"}


def test_ensemble_has_no_vote_in_the_disagreement_of_its_members() -> None:
    gallery = draw_gallery(20)
    voters = [gallery.members[name] for name in gallery.voters or ()]
    packed = decode(pack_gallery(gallery)["disagreement"], "<f4")
    np.testing.assert_allclose(packed, measure_disagreement(voters), rtol=1e-6)


def test_other_labels_give_another_key_and_other_members_the_same() -> None:
    gallery = draw_gallery(20)
    key = pack_gallery(gallery)["key"]
    assert key == pack_gallery(draw_gallery(20, members={"ensemble": gallery.members["ensemble"]}, voters=None))["key"]
    changed = gallery.images.copy()
    changed.loc[0, "label"] = 1
    assert key != digest_content(changed, gallery.class_names)


def test_choice_of_images_does_not_change_the_key_of_marks_where_it_is_told_what_they_were_chosen_from() -> None:
    few, many = draw_gallery(8, content="d1"), draw_gallery(20, content="d1")
    assert pack_gallery(few)["key"] == pack_gallery(many)["key"]
    assert pack_gallery(draw_gallery(8))["key"] != pack_gallery(draw_gallery(20))["key"]
    others = [draw_gallery(8, content="d2"), draw_gallery(8, class_names=["가", *CLASSES[1:]], content="d1")]
    assert len({pack_gallery(gallery)["key"] for gallery in [few, *others]}) == 3


@pytest.mark.parametrize("shape", [(100, 40), (7, 5), (3, 500)])
def test_heat_maps_are_shrunk_to_64_px_and_keep_their_mean(shape: tuple[int, int]) -> None:
    heat = np.add.outer(np.linspace(0, 100, shape[0]), np.linspace(0, 100, shape[1])).astype(np.uint8)
    small = shrink_heat_map(heat)
    assert max(small.shape) == min(64, max(shape))
    assert abs(float(small.mean()) - float(heat.mean())) < 2


def test_every_thumbnail_is_found_by_its_lengths() -> None:
    pictures = [bytes([row % 256]) * (row % 7) for row in range(70)]
    chunks, lengths = encode_thumbnails(pictures)
    assert len(chunks) == 3
    found = []
    for number, chunk in enumerate(chunks):
        start = 0
        for length in decode(lengths, "<u4")[number * 32 : (number + 1) * 32]:
            found.append(base64.b64decode(chunk[start : start + length]))
            start += length
    assert found == pictures


def test_numbers_that_do_not_fit_their_type_are_refused() -> None:
    with pytest.raises(ValueError, match="70000 do not fit"):
        encode([1, 70000], "<u2")


def test_shrunk_heat_map_is_the_mean_of_blocks() -> None:
    heat = np.random.default_rng(0).integers(0, 255, (128, 128), dtype=np.uint8)
    blocks = heat.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.abs(shrink_heat_map(heat) - blocks).max() <= 1
    assert Image.fromarray(shrink_heat_map(heat)).size == (64, 64)
