from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from podium.competitions.config import Competition, IdTarget, ImageFolder, LabelShift, MaskProfiles
from podium.competitions.demo import DemoDrawing

COMPETITIONS: TypeAdapter[MaskProfiles | IdTarget | ImageFolder] = TypeAdapter(Competition)


def find_message(value: object) -> str:
    with pytest.raises(ValidationError) as error:
        COMPETITIONS.validate_python(value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "model"), [("mask_profiles", MaskProfiles), ("id_target", IdTarget), ("image_folder", ImageFolder)]
)
def test_format_chooses_the_model_and_root_stays_as_given(name: str, model: type) -> None:
    competition = COMPETITIONS.validate_python({"format": name, "root": "../data/한글"})
    assert type(competition) is model
    assert competition.root == Path("../data/한글")


def test_label_shift_is_on_for_masks_and_off_elsewhere() -> None:
    masks = COMPETITIONS.validate_python({"format": "mask_profiles", "root": "x"})
    others = [COMPETITIONS.validate_python({"format": name, "root": "x"}) for name in ("id_target", "image_folder")]
    assert masks.label_shift == {"age": LabelShift(at_least=58, counts_as=60)}
    assert [other.label_shift for other in others] == [{}, {}]


def test_label_shift_can_be_switched_off() -> None:
    assert COMPETITIONS.validate_python({"format": "mask_profiles", "root": "x", "label_shift": {}}).label_shift == {}


@pytest.mark.parametrize("format_", ["mask_profiles", "id_target", "image_folder"])
def test_corrections_are_files_in_order_and_none_by_default(format_: str) -> None:
    plain, corrected = (
        COMPETITIONS.validate_python({"format": format_, "root": "x", **more})
        for more in ({}, {"corrections": ["b/김.csv", "a.csv"]})
    )
    assert plain.corrections == []
    assert corrected.corrections == [Path("b/김.csv"), Path("a.csv")]


def test_demo_drawing_is_part_of_mask_profiles() -> None:
    competition = MaskProfiles(format="mask_profiles", root=Path("x"), draw=DemoDrawing())
    assert isinstance(competition.draw, DemoDrawing)


@pytest.mark.parametrize(
    ("format_", "meant"),
    [("mask_profile", "mask_profiles"), ("idtarget", "id_target"), ("image-folder", "image_folder")],
)
def test_misspelt_format_names_the_nearest(format_: str, meant: str) -> None:
    assert f"format '{format_}' is unknown; did you mean '{meant}'?" in find_message({"format": format_, "root": "x"})


@pytest.mark.parametrize("value", [{"a": 1}, 3, None])
def test_format_that_is_no_name_lists_the_allowed_ones(value: object) -> None:
    assert "allowed: id_target, image_folder, mask_profiles" in find_message({"format": value, "root": "x"})


def test_missing_format_lists_the_allowed_ones() -> None:
    assert "'format' is missing; allowed: id_target, image_folder, mask_profiles" in find_message({"root": "x"})


def test_missing_root_is_named() -> None:
    assert "root\n  Field required" in find_message({"format": "id_target"})


def test_misspelt_key_is_named() -> None:
    message = find_message({"format": "id_target", "root": "x", "groupcolumn": "scan"})
    assert "groupcolumn\n  Extra inputs are not permitted" in message


def test_key_of_another_format_is_refused() -> None:
    assert "group_column" in find_message({"format": "image_folder", "root": "x", "group_column": "scan"})
    assert "draw" in find_message({"format": "id_target", "root": "x", "draw": {}})


def test_misspelt_shifted_attribute_names_the_nearest() -> None:
    shift = {"ages": {"at_least": 58, "counts_as": 60}}
    message = find_message({"format": "mask_profiles", "root": "x", "label_shift": shift})
    assert "'ages' is no attribute with a number; did you mean 'age'?" in message


@pytest.mark.parametrize("format_", ["id_target", "image_folder"])
def test_shift_without_attributes_is_refused(format_: str) -> None:
    shift = {"age": {"at_least": 58, "counts_as": 60}}
    message = find_message({"format": format_, "root": "x", "label_shift": shift})
    assert "'age': this format has no attribute to shift; remove the entry" in message


@pytest.mark.parametrize("shift", [{"at_least": 58}, {"at_least": "old", "counts_as": 60}, {"at_least": 1, "to": 2}])
def test_half_a_shift_is_refused(shift: dict[str, object]) -> None:
    assert "label_shift.age" in find_message({"format": "mask_profiles", "root": "x", "label_shift": {"age": shift}})
