"""Any text becomes a name that every file system takes, and no two texts the same one."""

import unicodedata
from pathlib import Path, PureWindowsPath

import pytest

from podium.safe_names import MAX_BYTES, flatten_paths, make_safe_name, make_safe_names

HARD = [
    "..", ".", "", " ", ".hidden", "a/b", "a\\b", "a:b", 'say "hi"', "who?", "a*b", "<30", ">=60", "a|b", "tab\there",
    "nul", "CON", "com1.txt", "aux.tar.gz", "dot.", "blank ", "\x00", "남성 30대", "나".encode().decode() * 200,
    "é", "漢字と仮名", "😀", "../../etc/passwd", "/absolute", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_name_stays_one_part_of_a_path_that_linux_and_windows_take(tmp_path: Path, text: str) -> None:
    name = make_safe_name(text)
    (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert PureWindowsPath(name).parts == (name,)
    assert not PureWindowsPath(name).is_reserved()
    assert not set(name) & set('<>:"/\\|?*') and name.isprintable()
    assert not name.startswith(".") and name.rstrip(". ") == name
    assert len(name.encode()) <= MAX_BYTES + 1
    assert name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("text", ["wear male 30-59", "마스크 착용", "v1.5", "a (2)", "C++ & more, [yes]"])
def test_text_that_can_be_a_name_stays_as_it_is(text: str) -> None:
    assert make_safe_name(text) == text


def test_refused_letters_can_still_be_read() -> None:
    assert make_safe_name("wear male <30") == "wear male ＜30"
    assert make_safe_name("wear male >=60") == "wear male ＞=60"


def test_long_name_keeps_its_suffix_and_whole_letters() -> None:
    name = make_safe_name("사진" * 100 + ".jpeg")
    assert name.endswith(("진.jpeg", "사.jpeg"))
    assert set(name.removesuffix(".jpeg")) == {"사", "진"}


def test_names_of_one_folder_differ_also_without_capitals_and_in_order_of_their_texts() -> None:
    texts = ["Dog", "dog", "DOG", "a.", "a_", "a.", "a_ (2)", "x.jpg", "x.jpg"]
    assert make_safe_names(texts) == [
        "Dog", "dog (2)", "DOG (3)", "a_ (3)", "a_", "a_ (4)", "a_ (2)", "x.jpg", "x (2).jpg",
    ]  # fmt: skip


def test_names_of_hard_texts_and_their_doubles_all_differ() -> None:
    names = make_safe_names(HARD * 3)
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names}) == len(HARD) * 3


def test_composed_and_decomposed_text_are_two_names() -> None:
    first, second = make_safe_names(["가", unicodedata.normalize("NFD", "가")])
    assert (first, second) == ("가", "가 (2)")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (
            ["train/images/1_male/mask1.jpg", "train/images/2_female/mask1.jpg"],
            ["1_male__mask1.jpg", "2_female__mask1.jpg"],
        ),
        (["train/개/가.jpg", "train/새/가.jpg"], ["개__가.jpg", "새__가.jpg"]),
        (["train/a.jpg", "train/b.jpg"], ["a.jpg", "b.jpg"]),
        (["train/a/b.jpg"], ["b.jpg"]),
        (["a.jpg", "train/a.jpg"], ["a.jpg", "train__a.jpg"]),
        (["tr/a.jpg", "train/a.jpg"], ["tr__a.jpg", "train__a.jpg"]),
        ([], []),
    ],
)
def test_paths_become_names_by_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert flatten_paths(paths) == names
