"""Pictures that share the most visual words are those that a copy is looked for among."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_array

from copies.pictures import EDITS, Picture, cut, draw_picture
from podium.copies.vocabulary import Vocabulary, count_words, find_neighbours, learn_vocabulary
from podium.survey.keypoints import Keypoints, describe_keypoints, unpack_keypoints


def describe(picture: Picture) -> Keypoints:
    return unpack_keypoints(describe_keypoints(np.ascontiguousarray(picture)))


def count(pictures: list[Keypoints], n_jobs: int = 2) -> tuple[csr_array, csr_array]:
    with ThreadPoolExecutor(n_jobs) as pool:
        return count_words(learn_vocabulary(pictures), pictures, pool)


def list_nearest(queries: csr_array, bags: csr_array, n_nearest: int) -> dict[int, list[int]]:
    nearest: dict[int, list[int]] = {}
    for rows, others in find_neighbours(queries, bags, n_nearest):
        for row, other in zip(rows.tolist(), others.tolist(), strict=True):
            nearest.setdefault(row, []).append(other)
    return nearest


@pytest.fixture(scope="module")
def pictures() -> list[Keypoints]:
    return [describe(draw_picture(seed)) for seed in range(60)]


def test_word_of_a_descriptor_is_the_nearest_of_its_nearest_branch(pictures: list[Keypoints]) -> None:
    vocabulary = learn_vocabulary(pictures)
    descriptors = pictures[3].descriptors
    found = vocabulary.look_up(descriptors)
    for row, descriptor in enumerate(descriptors):
        branch = int(np.argmin(np.linalg.norm(vocabulary.branches - descriptor, axis=1)))
        first, last = vocabulary.starts[branch : branch + 2]
        distances = np.linalg.norm(vocabulary.words[first:last] - descriptor, axis=1)
        assert np.linalg.norm(vocabulary.words[found[row]] - descriptor) == pytest.approx(distances.min(), abs=1e-3)
        assert first <= found[row] < last
    assert vocabulary.starts[-1] == len(vocabulary) == sum(len(picture) for picture in pictures) // 4


def test_neighbours_are_those_of_the_largest_cosines(pictures: list[Keypoints]) -> None:
    plain, mirrored = count(pictures)
    for queries in (plain, mirrored):
        cosines = (queries @ plain.T).toarray()
        np.fill_diagonal(cosines, -1)
        nearest = list_nearest(queries, plain, 5)
        for row, others in nearest.items():
            assert row not in others
            assert cosines[row, others] == pytest.approx(np.sort(cosines[row])[::-1][:5], abs=1e-6)
        assert len(nearest) == len(pictures)
    assert np.sqrt((plain.multiply(plain)).sum(axis=1)) == pytest.approx(np.ones(len(pictures)), abs=1e-5)


@pytest.mark.parametrize("edit", [*EDITS, "a quarter"])
def test_copy_is_the_nearest_of_its_picture_or_of_its_mirror_image(pictures: list[Keypoints], edit: str) -> None:
    change = EDITS.get(edit, lambda picture: cut(picture, 0.25))
    copies = [describe(change(draw_picture(seed))) for seed in range(6)]
    plain, mirrored = count([*pictures, *copies])
    of_copies = list_nearest(mirrored if "mirrored" in edit else plain, plain, 1)
    assert [of_copies[60 + number] for number in range(6)] == [[number] for number in range(6)]


def test_number_of_threads_changes_nothing(pictures: list[Keypoints]) -> None:
    for one, three in zip(count(pictures, 1), count(pictures, 3), strict=True):
        assert (one != three).nnz == 0


def test_pictures_that_share_no_word_are_no_neighbours() -> None:
    words = np.eye(3, 128, dtype=np.float32)
    vocabulary = Vocabulary(words, words, np.arange(4))
    assert vocabulary.look_up(words[[2, 0, 1]]).tolist() == [2, 0, 1]
    bags = csr_array(np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 1]], dtype=np.float32))
    assert list_nearest(bags, bags, 3) == {0: [2], 1: [2], 2: [1, 0]}
