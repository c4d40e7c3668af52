"""Who is drawn: classes, gradual ageing, and gender as a sum of weak cues."""

from dataclasses import asdict

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score

from podium.competitions.faces.people import GENDERS, Person, imagine_person, mix, plan_people

GENDER_CUES = [
    "hair_length",
    "hair_volume",
    "face_width",
    "face_length",
    "jaw_width",
    "brow_thickness",
    "brow_arch",
    "eye_size",
    "lashes",
    "lip_fullness",
    "nose_width",
    "beard",
    "moustache",
]


def imagine(gender: str, age_years: int, seed: int) -> Person:
    return imagine_person(gender, age_years, np.random.default_rng(seed))


def band(age_years: int) -> int:
    return 0 if age_years < 30 else 1 if age_years < 60 else 2


@pytest.mark.parametrize("seed", range(5))
def test_six_people_or_more_hold_every_gender_in_every_age_band(seed: int) -> None:
    for n_people in range(6, 40):
        plan = plan_people(n_people, np.random.default_rng(seed))
        assert len(plan) == n_people
        assert {(gender, band(age)) for gender, age in plan} == {(gender, k) for gender in GENDERS for k in range(3)}


@pytest.mark.parametrize("n_people", range(6))
def test_fewer_people_are_planned_too(n_people: int) -> None:
    assert len(plan_people(n_people, np.random.default_rng(0))) == n_people


def test_too_few_are_over_60_and_many_are_young_or_in_their_fifties() -> None:
    ages = np.array([age for _, age in plan_people(1000, np.random.default_rng(0))])
    shares = [np.mean((ages >= first) & (ages < end)) for first, end in ((18, 30), (30, 50), (50, 60), (60, 80))]
    assert shares == pytest.approx([0.46, 0.11, 0.35, 0.08], abs=0.002)
    assert sum(shares) == pytest.approx(1)
    assert {58, 59, 60, 61} <= set(ages.tolist())


def test_genders_are_even_and_tell_nothing_of_the_age() -> None:
    plan = plan_people(1000, np.random.default_rng(0))
    ages = {gender: [age for g, age in plan if g == gender] for gender in GENDERS}
    assert len(ages["male"]) == len(ages["female"])
    assert np.mean(ages["male"]) == pytest.approx(np.mean(ages["female"]), abs=2)


@pytest.mark.parametrize("gender", GENDERS)
def test_ageing_is_gradual_and_never_goes_back(gender: str) -> None:
    for seed in range(20):
        signs = np.array([list(asdict(imagine(gender, age, seed).ageing).values()) for age in range(18, 80)])
        steps = np.diff(signs, axis=0)
        assert steps.min() >= 0
        assert steps.max() < 0.05


def test_signs_of_age_overlap_at_57_and_61_and_not_at_45_and_70() -> None:
    def tell_apart(young: int, old: int) -> float:
        people = [imagine(GENDERS[seed // 2 % 2], (young, old)[seed % 2], seed) for seed in range(800)]
        signs = np.array([list(asdict(person.ageing).values()) for person in people])
        return cross_val_score(LinearDiscriminantAnalysis(), signs, np.arange(800) % 2, cv=5).mean()

    assert 0.6 < tell_apart(57, 61) < 0.88
    assert tell_apart(45, 70) > 0.99


def test_a_person_keeps_everything_but_the_signs_of_age() -> None:
    young, old = asdict(imagine("female", 22, 3)), asdict(imagine("female", 70, 3))
    assert {key for key in young if young[key] != old[key]} == {"age_years", "ageing"}


def test_no_single_cue_gives_the_gender_away_but_all_together_do() -> None:
    people = [imagine(GENDERS[seed % 2], 40, seed) for seed in range(600)]
    cues = np.array([[float(getattr(person, name)) for name in GENDER_CUES] for person in people])
    genders = np.arange(600) % 2

    def accuracy(columns: np.ndarray) -> float:
        return cross_val_score(LinearDiscriminantAnalysis(), columns, genders, cv=5).mean()

    alone = [accuracy(cues[:, [k]]) for k in range(len(GENDER_CUES))]
    assert max(alone) < 0.95
    assert sum(share > 0.6 for share in alone) >= 5
    assert accuracy(cues) > 0.97


def test_mix_goes_from_the_first_colour_to_the_second() -> None:
    assert mix((0, 100, 200), (100, 0, 200), 0) == (0, 100, 200)
    assert mix((0, 100, 200), (100, 0, 200), 0.25) == (25, 75, 200)
    assert mix((0, 100, 200), (100, 0, 200), 1) == (100, 0, 200)
