"""Every edited copy is found, and pictures of different things are not taken for copies."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from conftest import ROOT
from copies.pictures import EDITS, Contents, Picture, draw_form, draw_picture, save_again, spoil, stamp
from podium.copies.search import COLUMNS, Limits, find_near_hashes, search_pairs

LIMITS = Limits(
    max_bits=18,
    min_similarity=0.8,
    min_share=0.4,
    min_side_px=24,
    min_page_similarity=0.9,
    min_small_similarity=0.95,
    min_ink=0.88,
)


def search(pictures: list[Picture], limits: Limits = LIMITS, n_jobs: int = 2) -> pd.DataFrame:
    contents = Contents(pictures)
    return search_pairs(contents.table, contents.read_keypoints, limits, n_jobs=n_jobs)


def list_pairs(found: pd.DataFrame) -> list[tuple[int, int]]:
    return [(int(first), int(second)) for first, second in zip(found["first"], found["second"], strict=True)]


@pytest.fixture(scope="module")
def originals() -> list[Picture]:
    return [draw_picture(seed) for seed in range(6)]


def test_pictures_of_different_things_have_no_copies(originals: list[Picture]) -> None:
    found = search([*originals, *(draw_picture(seed) for seed in range(6, 30))])
    assert found.empty
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == COLUMNS


@pytest.mark.parametrize("edit", EDITS)
def test_every_edited_copy_is_found_and_nothing_else(originals: list[Picture], edit: str) -> None:
    found = search([*originals, *(EDITS[edit](picture) for picture in originals)])
    assert list_pairs(found) == [(number, number + 6) for number in range(6)]


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        ("mirrored", "mirrored"), ("turned 90°", "turned 90°"), ("cut", "cut"), ("mirrored and cut", "mirrored, cut"),
        ("saved smaller", "saved anew"), ("tilted", "turned 12°"),
    ],
)  # fmt: skip
def test_change_is_named(originals: list[Picture], edit: str, change: str) -> None:
    (named,) = search([originals[0], EDITS[edit](originals[0])])["change"]
    assert named.startswith(change)


def test_picture_saved_anew_is_known_by_its_hash(originals: list[Picture]) -> None:
    (row,) = search([originals[0], save_again(originals[0])]).itertuples()
    assert row.kind == "look_alike" and row.n_bits <= 18 and row.similarity > 0.95
    (row,) = search([originals[0], EDITS["mirrored"](originals[0])]).itertuples()
    assert row.kind == "edited" and pd.isna(row.n_bits)


def test_pages_of_one_form_are_no_copies_and_a_page_saved_anew_is_one() -> None:
    pages = [draw_form(seed) for seed in range(4)]
    assert list_pairs(search([*pages, save_again(pages[2], 40)])) == [(2, 4)]


def test_page_that_was_stamped_and_smeared_is_found_among_others_of_its_form() -> None:
    pages = [draw_form(0), draw_form(1)]
    copy = save_again(spoil(stamp(pages[1])), 60)
    (row,) = search([*pages, copy]).itertuples()
    assert (int(row.first), int(row.second), row.kind) == (1, 2, "edited")
    assert row.change == "written on" and row.similarity >= LIMITS.min_ink
    strict: dict[str, Any] = {**LIMITS.__dict__, "min_ink": 1.0}
    assert search([pages[1], copy], Limits(**strict)).empty


def test_parameters_say_what_counts(originals: list[Picture]) -> None:
    other = originals[0].copy()
    other[60:130, 80:180] = other[60:130, 80:180] // 2 + originals[1][60:130, 80:180] // 2
    pair = [originals[0], other]
    strict: dict[str, Any] = {**LIMITS.__dict__, "max_bits": 0, "min_similarity": 0.3}
    (similarity,) = search(pair, Limits(**strict))["similarity"]
    assert 0.3 < similarity < 0.99
    assert len(search(pair, Limits(**{**strict, "min_similarity": similarity - 0.001}))) == 1
    assert search(pair, Limits(**{**strict, "min_similarity": similarity + 0.001})).empty
    assert search(pair, Limits(**{**strict, "min_side_px": 1000, "max_bits": 0})).empty
    half = [originals[0], originals[0][:, :100]]
    assert len(search(half)) == 1
    wide = [originals[0][:, :140], originals[0][:, 100:]]  # 40 of 140 columns are the same
    assert search(wide).empty
    assert len(search(wide, Limits(**{**strict, "min_share": 0.2}))) == 1


def test_number_of_threads_changes_nothing(originals: list[Picture]) -> None:
    pictures = [*originals, *(edit(originals[n % 6]) for n, edit in enumerate(EDITS.values()))]
    one, three = (search(pictures, n_jobs=n_jobs) for n_jobs in (1, 3))
    pd.testing.assert_frame_equal(one, three, check_exact=True)
    assert len(one) >= len(EDITS)


def test_only_pairs_with_a_new_content_are_searched(originals: list[Picture]) -> None:
    contents = Contents([*originals, *(EDITS["cut"](picture) for picture in originals)])
    table = contents.table.assign(is_new=[False] * 10 + [True] * 2)
    found = search_pairs(table, contents.read_keypoints, LIMITS)
    assert list_pairs(found) == [(4, 10), (5, 11)]
    assert search_pairs(table.assign(is_new=False), lambda _: pytest.fail("nothing is to be read"), LIMITS).empty


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_pictures_are_searched(originals: list[Picture], n: int) -> None:
    assert search(originals[:n]).empty


def test_pictures_without_detail_are_no_copies_of_each_other() -> None:
    plain = [
        np.full((side, 90, 3), level, np.uint8) for side, level in ((80, 255), (80, 250), (81, 255), (1, 0), (90, 0))
    ]
    ramp = np.repeat(np.linspace(0, 255, 90).astype(np.uint8)[None, :, None], 80, axis=0).repeat(3, axis=2)
    assert search([*plain, ramp]).empty


def test_search_does_not_depend_on_the_names_of_contents(originals: list[Picture]) -> None:
    copies = [EDITS["cut"](picture) for picture in originals]
    turned = search([*reversed(copies), *reversed(originals)])
    assert sorted((11 - j, 11 - i) for i, j in list_pairs(turned)) == list_pairs(search([*originals, *copies]))


@pytest.mark.parametrize("max_bits", [0, 3, 6])
def test_near_hashes_are_those_of_all_pairs_compared(max_bits: int) -> None:
    rng = np.random.default_rng(max_bits)
    values = [int.from_bytes(rng.bytes(32), "big") for _ in range(40)]
    for i in range(1, 40):
        if rng.random() < 0.5:
            values[i] = values[rng.integers(i)]
            for bit in rng.choice(256, size=rng.integers(0, 4), replace=False):
                values[i] ^= 1 << int(bit)
    sides = rng.choice([63, 64, 500], 40, p=[0.1, 0.45, 0.45])
    hashes = [f"{value:064x}" for value in values]
    contents = pd.DataFrame({"width_px": sides, "height_px": 100, "perceptual_hash": hashes})
    expected = {
        (i, j): bits
        for i, j in itertools.combinations(range(40), 2)
        if (bits := (values[i] ^ values[j]).bit_count()) <= max_bits and min(sides[i], sides[j]) >= 64
    }
    found = find_near_hashes(contents, max_bits)
    assert dict(zip(zip(found["left"], found["right"], strict=True), found["n_bits"], strict=True)) == expected
    assert expected


def load(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"))


def augment_each(policy: str, pictures: list[Picture]) -> list[Picture]:
    from podium.vision.augmentation import build_policy

    steps = yaml.safe_load((ROOT / "conf/base/parameters/augmentation.yml").read_text(encoding="utf-8"))["policies"]
    augment = build_policy(steps[policy])
    augment.set_random_seed(1)
    return [save_again(augment(image=picture)["image"], 85) for picture in pictures]


@pytest.mark.parametrize("policy", ["light", "noisy"])
def test_every_augmented_copy_of_a_real_face_is_found_and_no_two_faces_are_alike(
    real_data_root: Path, policy: str
) -> None:
    paths = sorted((real_data_root / "mask18_ffhq_utk/train/images").glob("*/*.jpg"))[:300:20]
    faces = [load(path) for path in paths]
    copies = augment_each(policy, faces)
    assert list_pairs(search([*faces, *copies])) == [(number, number + len(faces)) for number in range(len(faces))]


def test_most_heavily_augmented_copies_of_real_pages_are_found_and_no_two_pages_are_alike(real_data_root: Path) -> None:
    paths = sorted((real_data_root / "doc17_rvl_sroie/train").rglob("*.*"))[::9][:12]
    pages = [load(path) for path in paths]
    pairs = list_pairs(search([*pages, *augment_each("document_heavy", pages)]))
    assert set(pairs) <= {(number, number + 12) for number in range(12)}
    assert len(pairs) > 6
