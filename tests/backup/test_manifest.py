"""A manifest is read as it was written, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from podium.backup.manifest import (
    BrokenManifestError,
    Entry,
    Manifest,
    is_manifest_name,
    name_manifest,
    read_manifest,
    read_time,
)

NOW = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)
FILES = {
    "data/06_models/꽃/last.ckpt": Entry("ab" * 32, 12, 3),
    "data/01_raw/\udcff.jpg": Entry("cd" * 32, 0, 4),  # a name that is no UTF-8
}


def test_it_comes_back_as_it_was_and_its_bytes_do_not_depend_on_the_order_of_files() -> None:
    manifest = Manifest(FILES, "gpu-서버", True)
    data = manifest.to_bytes()
    assert read_manifest(name_manifest(data, NOW, None), data) == manifest
    assert Manifest(dict(reversed(FILES.items())), "gpu-서버", True).to_bytes() == data
    assert (manifest.n_bytes, manifest.sha256s) == (12, {"ab" * 32, "cd" * 32})


def test_torn_or_changed_one_is_noticed() -> None:
    data = Manifest(FILES, "a", True).to_bytes()
    name = name_manifest(data, NOW, None)
    for wrong in (data[:-1], b"", data + b"x"):
        with pytest.raises(BrokenManifestError):
            read_manifest(name, wrong)
    with pytest.raises(BrokenManifestError):
        read_manifest("latest.json.gz", data)


@pytest.mark.parametrize("entry", [["x" * 64, 1, 1], ["../" + "a" * 61, 1, 1], ["ab" * 32, -1, 1]])
def test_entry_that_names_no_object_is_refused(entry: list[object]) -> None:
    data = Manifest({"data/06_models/a": Entry(*entry)}, "a", True).to_bytes()  # type: ignore[arg-type]
    with pytest.raises(BrokenManifestError, match="SHA-256"):
        read_manifest(name_manifest(data, NOW, None), data)


def test_newer_one_sorts_last_even_where_the_clock_went_back() -> None:
    first = name_manifest(b"a", NOW, None)
    second = name_manifest(b"b", NOW - timedelta(days=3), first)
    third = name_manifest(b"c", NOW + timedelta(hours=1), second)
    assert sorted([third, second, first]) == [first, second, third]
    assert read_time(third) == NOW + timedelta(hours=1)
    assert all(map(is_manifest_name, (first, second, third)))
