import pickle

import pytest

from podium.errors import InputError, raise_if_any, suggest


def test_message_is_the_heading_and_one_line_a_case() -> None:
    error = InputError("두 파일이 틀렸습니다:", ["가.csv: empty", "나.csv: 3 columns, not 2"])
    assert str(error) == "두 파일이 틀렸습니다:\n  - 가.csv: empty\n  - 나.csv: 3 columns, not 2"


def test_error_is_a_value_error_and_keeps_its_parts() -> None:
    error = InputError("wrong:", (case for case in ("a", "b")))
    assert isinstance(error, ValueError)
    assert (error.heading, error.cases) == ("wrong:", ["a", "b"])


def test_error_crosses_a_process_border_whole() -> None:
    error = InputError("틀림:", ["a: 1, not 2", "b: 3, not 4"])
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is InputError
    assert (str(copy), copy.heading, copy.cases) == (str(error), error.heading, error.cases)


def test_no_case_raises_nothing() -> None:
    raise_if_any("wrong:", [])


def test_all_cases_are_raised_at_once() -> None:
    with pytest.raises(InputError) as error:
        raise_if_any("wrong:", ["first", "second", "third"])
    assert error.value.cases == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("name", "allowed", "nearest"),
    [
        ("baselin", ["swin", "baseline"], "baseline"),
        ("기준모델1", ["기준모델", "다른이름"], "기준모델"),
        ("lr_", {"lr": 1, "name": 2}, "lr"),
    ],
)
def test_suggestion_is_the_nearest_name(name: str, allowed: list[str], nearest: str) -> None:
    assert suggest(name, allowed) == f"did you mean '{nearest}'?"


def test_suggestion_lists_all_names_sorted_when_none_is_near() -> None:
    assert suggest("zzzz", iter(["flowers", "demo", "2024"])) == "allowed: 2024, demo, flowers"
