"""Small competitions on disk, whole unless a test breaks them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from podium.competitions.listing import Listing
from podium.errors import InputError

Put = Callable[..., None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The competition's folder, with room beside it for what a link may lead to."""
    folder = tmp_path / "대회"
    folder.mkdir()
    return folder


@pytest.fixture
def put(root: Path) -> Put:
    """Write files below the root: text or bytes under one name, or several names with a byte each."""

    def write(*names: str, text: str | bytes = b"x") -> None:
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    return write


@pytest.fixture
def find_cases() -> Callable[[Callable[[], Listing]], list[str]]:
    """Read what must not be readable and hand back the cases."""

    def read(reader: Callable[[], Listing]) -> list[str]:
        with pytest.raises(InputError) as error:
            reader()
        assert {f"  - {case}" for case in error.value.cases} <= set(str(error.value).split("\n"))
        return error.value.cases

    return read


@pytest.fixture
def id_target(put: Put) -> None:
    """Three training images of two classes, two test images."""
    put("train.csv", text="ID,target\nb.jpg,1\na.jpg,0\nc.png,1\n")
    put("meta.csv", text="target,class_name\n0,고양이\n1,dog\n")
    put("sample_submission.csv", text="ID,target\nz.jpg,0\ny.jpg,7\n")
    put("train/a.jpg", "train/b.jpg", "train/c.png", "test/y.jpg", "test/z.jpg")


@pytest.fixture
def mask_profiles(put: Put) -> None:
    """Two persons, one with all seven images and one with two of them; two test images."""
    rows = ["000001,male,Asian,24,000001_male_Asian_24", "000002,female,White,60,000002_female_White_60"]
    put("train/train.csv", text="\n".join(["id,gender,race,age,path", *rows, ""]))
    stems = [*(f"mask{number}" for number in range(1, 6)), "incorrect_mask", "normal"]
    put(*(f"train/images/000001_male_Asian_24/{stem}.jpg" for stem in stems))
    put(*(f"train/images/000002_female_White_60/{name}" for name in ("mask3.png", "normal.JPEG")))
    put("eval/info.csv", text="ImageID,ans\nt2.jpg,0\nt1.jpg,0\n")
    put("eval/images/t1.jpg", "eval/images/t2.jpg")


@pytest.fixture
def image_folder(put: Put) -> None:
    """Two classes and two test images."""
    put("train/장미/1.jpg", "train/장미/2.png", "train/daisy/1.jpg", "test/b.jpg", "test/a.jpg")


@pytest.fixture
def shuffle_listings(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every folder be listed back to front from then on."""
    true_scandir = os.scandir

    class Backwards:
        def __init__(self, path: str | Path):
            with true_scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> Iterable[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None: ...

        def __iter__(self) -> Iterable[os.DirEntry[str]]:
            return iter(self.entries)

    return lambda: monkeypatch.setattr("podium.competitions.image_files.os.scandir", Backwards)
