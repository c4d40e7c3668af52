"""Which pictures may be copies of each other: those that share the most visual words, so that only they are compared.

A bag of words (Sivic and Zisserman, 2003, "Video Google: A Text Retrieval Approach to Object Matching in Videos") of a
large vocabulary (Philbin, Chum, Isard, Sivic and Zisserman, 2007, "Object retrieval with large vocabularies and fast
spatial matching"), looked up in a tree of two levels (Nistér and Stewénius, 2006, "Scalable Recognition with a
Vocabulary Tree"). The words are descriptors of the set itself, drawn with a seed, so nothing has to be fetched.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from podium.survey.keypoints import Keypoints

Descriptors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_N_WORDS, _N_BRANCHES = 1 << 15, 256
_DESCRIPTORS_PER_WORD, _DESCRIPTORS_OF_EACH = 4, 128
_COUNTED_AT_ONCE, _ASKED_AT_ONCE = 64, 512


@dataclass(frozen=True)
class Vocabulary:
    """Words, gathered in branches: a descriptor's word is the nearest one of its nearest branch.

    Attributes:
        words: float32 (n_words, 128), those of a branch side by side.
        branches: float32 (n_branches, 128).
        starts: int64 (n_branches + 1,): where the words of each branch begin, and the last end.
    """

    words: Descriptors
    branches: Descriptors
    starts: Rows

    def __len__(self) -> int:
        """Count the words."""
        return len(self.words)

    def look_up(self, descriptors: Descriptors) -> Rows:
        """Name the word of each descriptor, int64 (n,)."""
        branch = (descriptors @ self.branches.T).argmax(axis=1)
        order = np.argsort(branch, kind="stable")
        ends = np.searchsorted(branch[order], np.arange(len(self.branches) + 1))
        found = np.empty(len(descriptors), np.int64)
        for number in np.unique(branch).tolist():
            rows, first, last = order[ends[number] : ends[number + 1]], self.starts[number], self.starts[number + 1]
            found[rows] = first + (descriptors[rows] @ self.words[first:last].T).argmax(axis=1)
        return found


def learn_vocabulary(pictures: Sequence[Keypoints]) -> Vocabulary:
    """Draw words from the descriptors of pictures, drawn too where there are many, and branches from the words.

    Args:
        pictures: At least one, with a keypoint each or more.
    """
    rng = np.random.default_rng(0)
    n_asked = 2 * _DESCRIPTORS_PER_WORD * _N_WORDS // _DESCRIPTORS_OF_EACH
    chosen = np.sort(rng.choice(len(pictures), min(len(pictures), n_asked), replace=False)).tolist()
    words = np.concatenate([pictures[number].descriptors for number in chosen])
    # A descriptor that is a word itself finds itself, not what resembles it in another picture.
    words = words[
        np.sort(rng.choice(len(words), min(-(-len(words) // _DESCRIPTORS_PER_WORD), _N_WORDS), replace=False))
    ]
    branches = words[np.sort(rng.choice(len(words), min(len(words), _N_BRANCHES), replace=False))]
    branch = (words @ branches.T).argmax(axis=1)
    order = np.argsort(branch, kind="stable")
    return Vocabulary(words[order], branches, np.searchsorted(branch[order], np.arange(len(branches) + 1)))


def count_words(vocabulary: Vocabulary, pictures: Sequence[Keypoints], pool: Executor) -> tuple[csr_array, csr_array]:
    """Count the words of each picture, and of its mirror image.

    Returns:
        Two of float32 (n, n_words): the square root of each count, so that a repeated pattern does not outweigh the
        rest, times the logarithm of how rare the word is among the pictures; rows of length 1, or 0.
    """

    def count(start: int) -> tuple[csr_array, csr_array]:
        part = pictures[start : start + _COUNTED_AT_ONCE]
        return _count(vocabulary, part), _count(vocabulary, [picture.mirror() for picture in part])

    counted = list(pool.map(count, range(0, len(pictures), _COUNTED_AT_ONCE)))
    plain, mirrored = (csr_array(vstack(parts, format="csr")) for parts in zip(*counted, strict=True))
    n_with = np.bincount(plain.indices, minlength=len(vocabulary))
    rarity = np.log1p(len(pictures) / np.maximum(n_with, 1)).astype(np.float32)
    return _weigh(plain, rarity), _weigh(mirrored, rarity)


def find_neighbours(queries: csr_array, bags: csr_array, n_nearest: int) -> Iterator[tuple[Rows, Rows]]:
    """Find the pictures that share the most words with each picture, itself left out.

    Args:
        queries: float32 (n, n_words), the pictures as they are, or mirrored.
        bags: float32 (n, n_words), the pictures as they are.
        n_nearest: How many of each, at most; one that shares no word is none of them.

    Yields:
        A block of pictures at a time, two int64 (n_pairs,): the picture, and one of those nearest to it.
    """
    by_word = bags.T.tocsr()
    for start in range(0, bags.shape[0], _ASKED_AT_ONCE):
        shared = (queries[start : start + _ASKED_AT_ONCE] @ by_word).tocsr()
        rows, others = [], []
        for number in range(shared.shape[0]):
            part = slice(shared.indptr[number], shared.indptr[number + 1])
            found, cosines = shared.indices[part], shared.data[part]
            is_other = found != start + number
            found, cosines = found[is_other], cosines[is_other]
            # Equal ones by their place: in which order a product lists them is its own affair.
            nearest = found[np.lexsort((found, -cosines))[:n_nearest]]
            rows.append(np.full(len(nearest), start + number))
            others.append(nearest.astype(np.int64))
        yield np.concatenate(rows), np.concatenate(others)


def _count(vocabulary: Vocabulary, pictures: Sequence[Keypoints]) -> csr_array:
    lengths = [len(picture) for picture in pictures]
    found = vocabulary.look_up(np.concatenate([picture.descriptors for picture in pictures]))
    counts = csr_array(
        (np.ones(len(found), np.float32), found, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(pictures), len(vocabulary)),
    )
    counts.sum_duplicates()
    return counts


def _weigh(counts: csr_array, rarity: npt.NDArray[np.float32]) -> csr_array:
    weighed = counts.copy()
    weighed.data = np.sqrt(counts.data) * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, weights=weighed.data.astype(np.float64) ** 2, minlength=counts.shape[0]))
    weighed.data = (weighed.data / np.maximum(lengths, 1e-6)[rows]).astype(np.float32)
    return weighed
