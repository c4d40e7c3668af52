from dataclasses import replace
from pathlib import Path

from packing.drawn_model import FOLDS, make_contents
from podium.packing.contents import Contents, PackedMember, read_contents, write_contents


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    contents = make_contents(tmp_path)
    write_contents(contents, tmp_path)
    assert read_contents(tmp_path) == contents


def test_a_network_that_two_members_share_is_one_file(tmp_path: Path) -> None:
    contents = make_contents(tmp_path)
    first, second = contents.members
    again = PackedMember("다시", 0.1, first.networks)
    listed = [(name, fold) for name, fold, _ in make_with(contents, (first, second, again)).list_files()]
    assert listed == [(name, fold) for name in sorted({"큰-0a", "얼굴-1b", "나이-1b"}) for fold in FOLDS]


def make_with(contents: Contents, members: tuple[PackedMember, ...]) -> Contents:

    return replace(contents, members=members)


def test_new_places_are_those_of_the_same_network_and_fold(tmp_path: Path) -> None:
    contents = make_contents(tmp_path)
    placed = contents.place_files({(name, fold): f"{name}/{fold}" for name, fold, _ in contents.list_files()})
    assert [file for _, _, file in placed.list_files()] == [f"{n}/{f}" for n, f, _ in contents.list_files()]
    assert placed.members[1].is_join and placed.members[1].networks[0].values == contents.members[1].networks[0].values
