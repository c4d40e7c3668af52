import pytest

from podium.differences import Difference, list_differences, walk_leaves


def test_leaves_have_dotted_names_and_an_empty_mapping_is_one() -> None:
    assert dict(walk_leaves({"가": {"나": {"다": 1}}, "라": {}, "마": [1, {"x": 2}]})) == {
        "가.나.다": 1, "라": {}, "마": [1, {"x": 2}],
    }  # fmt: skip


def test_what_differs_is_listed_in_the_order_of_the_base_new_leaves_last() -> None:
    base = {"training": {"device": "auto", "workers": None}, "epochs": 3, "gone": 1.0}
    ours = {"epochs": 3, "training": {"device": "cpu", "workers": 0}, "이름": "꽃"}
    assert list_differences(ours, base) == [
        Difference("training.device", "cpu", "auto"),
        Difference("training.workers", "0", "null"),
        Difference("gone", "nothing", "1.0"),
        Difference("이름", "꽃", "nothing"),
    ]


def test_equal_trees_differ_in_nothing() -> None:
    assert list_differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == []


def test_difference_is_written_as_a_sentence_without_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    (difference,) = list_differences({"backup": {"url": "sftp://kim:hunter2@nas/x"}}, {"backup": {"url": None}})
    assert str(difference) == "backup.url: sftp://kim:***@nas/x instead of null"
