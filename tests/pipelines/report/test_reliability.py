import numpy as np
import pytest

from podium.pipelines.report.reliability import measure_reliability


def draw(n: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels from probabilities, then say these to the power: above 1 is too sure."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(4), n)
    labels = np.array([rng.choice(4, p=row) for row in chances])
    said = chances**power
    return said / said.sum(axis=1, keepdims=True), labels


def test_probabilities_that_mean_what_they_say_have_hardly_an_error() -> None:
    found = measure_reliability(*draw(20_000))
    assert found.error < 0.01
    assert abs(found.lead) < 0.01


@pytest.mark.parametrize(("power", "sign"), [(3.0, 1), (0.4, -1)])
def test_lead_tells_too_sure_from_too_unsure(power: float, sign: int) -> None:
    found = measure_reliability(*draw(5_000, power))
    assert found.lead * sign > 0.05
    assert found.error >= abs(found.lead) - 1e-12  # equal where every bin errs the same way
    assert ((found.confidence - found.right) * sign > 0).mean() > 0.8


def test_error_is_the_mean_distance_over_images() -> None:
    said, labels = draw(437, 2.0)
    found = measure_reliability(said, labels)
    confidence, is_right = said.max(axis=1), said.argmax(axis=1) == labels
    rank = np.argsort(np.argsort(confidence, kind="stable"))
    edges = np.concatenate([[0], np.cumsum(found.n_images)])
    place = np.searchsorted(edges, rank, side="right") - 1
    distances = [abs(confidence[place == b].mean() - is_right[place == b].mean()) for b in range(len(found.n_images))]
    assert found.error == pytest.approx(np.mean([distances[b] for b in place]))


def test_bins_hold_equally_many_images_and_few_images_make_few_bins() -> None:
    assert measure_reliability(*draw(403)).n_images.tolist() == [41, 41, 41, 40, 40, 40, 40, 40, 40, 40]
    assert measure_reliability(*draw(65)).n_images.tolist() == [22, 22, 21]
    assert measure_reliability(*draw(7)).n_images.tolist() == [7]


def test_certain_answers_of_a_teammate_are_one_point() -> None:
    labels = np.array([0, 1, 2, 3] * 25)
    found = measure_reliability(np.eye(4)[np.roll(labels, 1)], labels)
    assert (found.confidence == 1).all()
    assert found.error == found.lead == 1.0
