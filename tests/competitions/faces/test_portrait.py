"""Whole portraits: the seven pictures, and what in them shows age."""

from dataclasses import replace

import numpy as np
import pytest

from podium.competitions.faces.camera import TEST_CAMERA, TRAIN_CAMERA, Camera
from podium.competitions.faces.canvas import Pose
from podium.competitions.faces.people import Person, imagine_person
from podium.competitions.faces.portrait import STEMS, paint_portrait, sketch_portrait, take_pictures

STILL = Pose()


def imagine(age_years: int, seed: int, gender: str = "male") -> Person:
    return imagine_person(gender, age_years, np.random.default_rng(seed))


def paint(person: Person, pose: Pose = STILL) -> np.ndarray:
    return paint_portrait(sketch_portrait(person, np.random.default_rng(0)), None, pose, (96, 96)).astype(float)


def measure_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


def test_seven_pictures_are_taken_in_order_and_all_differ() -> None:
    pictures = dict(take_pictures(imagine(30, 1), TRAIN_CAMERA, (40, 56), np.random.default_rng(2)))
    assert tuple(pictures) == STEMS
    assert {picture.shape for picture in pictures.values()} == {(40, 56, 3)}
    assert {picture.dtype for picture in pictures.values()} == {np.dtype("uint8")}
    assert len({picture.tobytes() for picture in pictures.values()}) == 7


@pytest.mark.parametrize("camera", [TRAIN_CAMERA, TEST_CAMERA])
def test_same_random_state_gives_the_same_pictures(camera: Camera) -> None:
    first, second = (
        [picture.tobytes() for _, picture in take_pictures(imagine(44, 5), camera, (48, 48), np.random.default_rng(8))]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("gender", ["male", "female"])
def test_57_and_61_look_alike_and_20_and_70_do_not(gender: str) -> None:
    near, far = [], []
    for seed in range(15):
        faces = {age: paint(imagine(age, seed, gender)) for age in (20, 57, 61, 70)}
        near.append(measure_difference(faces[57], faces[61]))
        far.append(measure_difference(faces[20], faces[70]))
    assert np.mean(near) < 0.25 * np.mean(far)


def test_each_sign_of_age_shows_in_the_picture() -> None:
    young = imagine(18, 2)
    bare = replace(
        young, glasses=False, fringe=0.0, ageing=replace(young.ageing, **dict.fromkeys(vars(young.ageing), 0.0))
    )
    for sign in vars(young.ageing):
        aged = replace(bare, ageing=replace(bare.ageing, **{sign: 1.0}))
        assert measure_difference(paint(bare), paint(aged)) > 0.05, sign


@pytest.mark.parametrize(
    "changed",
    [
        {"hair_length": 0.9},
        {"beard": 0.9},
        {"moustache": 1.0},
        {"glasses": True},
        {"jaw_width": 1.0},
        {"brow_thickness": 1.0},
        {"lip_fullness": 1.0},
        {"lashes": 1.0},
        {"eye_size": 1.0},
        {"collar": "shirt"},
        {"background": "panels"},
        {"background": "shelf"},
        {"background": "lights"},
        {"skin": (134.0, 92.0, 66.0)},
    ],
)
def test_each_trait_shows_in_the_picture(changed: dict[str, object]) -> None:
    plain: dict[str, object] = dict.fromkeys(
        ("hair_length", "beard", "moustache", "jaw_width", "brow_thickness", "lip_fullness", "lashes", "eye_size"), 0.1
    )
    person = replace(imagine(25, 3), glasses=False, collar="round", background="wall", **{**plain, "moustache": 0.0})
    assert measure_difference(paint(person), paint(replace(person, **changed))) > 0.03


def test_turned_head_moves_the_face_before_the_body() -> None:
    person = imagine(25, 3)
    change = np.abs(paint(person) - paint(person, Pose(turn=0.06))).mean(axis=(1, 2))
    assert change[40:70].mean() > 3 * change[85:].mean()
