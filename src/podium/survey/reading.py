"""What a survey knows of some pictures, asked for by their content."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from podium.errors import InputError, raise_if_any
from podium.survey.measures import PROPERTIES
from podium.survey.shelf import KEYPOINTS, THUMBNAIL, DamagedPartError, list_parts, read_contents, read_rows


class Survey:
    """A survey that was made, read-only; what is added later is not seen.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path):
        """Find out which pictures it knows.

        Raises:
            InputError: There is no survey, or it is damaged.
        """
        self.folder = Path(folder)
        self._parts = list_parts(self.folder)
        raise_if_any("There is no survey:", [] if self._parts else [f"{self.folder}: {_REMEDY}"])
        self._places: dict[str, tuple[int, int]] = {}
        cases = []
        for number, part in enumerate(self._parts):
            try:
                contents = read_contents(part)
            except DamagedPartError as error:
                cases.append(f"{part}: {error}; {_REMEDY}")
                continue
            self._places |= {sha256: (number, row) for row, sha256 in enumerate(contents)}
        raise_if_any("The survey cannot be read:", cases)

    def read_properties(self, sha256: Sequence[str]) -> pd.DataFrame:
        """Read the properties of pictures.

        Args:
            sha256: SHA-256 of the files' bytes, in hexadecimal; one may stand there several times.

        Returns:
            One row a given content, in the same order, numbered from 0; float64 columns
            :data:`~podium.survey.measures.PROPERTIES`, NaN where a picture is too small or too plain for one.

        Raises:
            InputError: Some are not in the survey; all are listed.
        """
        table = self._read(sha256, PROPERTIES)
        return pd.DataFrame({name: table[name].to_numpy() for name in PROPERTIES}, dtype="float64")

    def read_thumbnails(self, sha256: Sequence[str]) -> list[bytes]:
        """Read a thumbnail for each given content, in the same order: JPEG, RGB, upright, at most 224 px a side.

        Raises:
            InputError: Some are not in the survey; all are listed.
        """
        return self._read(sha256, [THUMBNAIL])[THUMBNAIL].to_pylist()

    def read_keypoints(self, sha256: Sequence[str]) -> list[bytes]:
        """Read what :func:`podium.survey.keypoints.describe_keypoints` wrote of each given content, in the same order.

        Raises:
            InputError: Some are not in the survey; all are listed.
        """
        return self._read(sha256, [KEYPOINTS])[KEYPOINTS].to_pylist()

    def _read(self, sha256: Iterable[str], columns: Sequence[str]) -> pa.Table:
        wanted = list(sha256)
        unknown = [f"sha256 {key}: {_REMEDY}" for key in wanted if key not in self._places]
        raise_if_any(f"Images are not in the survey {self.folder}:", unknown)
        asked: dict[int, dict[int, None]] = {}  # rows of each part, without repetitions
        for number, row in map(self._places.__getitem__, wanted):
            asked.setdefault(number, {})[row] = None
        tables: list[Any] = []
        position: dict[tuple[int, int], int] = {}
        for number, rows in asked.items():
            tables.append(self._read_part(self._parts[number], list(rows), columns))
            position |= {(number, row): len(position) + at for at, row in enumerate(rows)}
        if not tables:
            return pa.table({name: pa.array([], pa.null()) for name in columns})
        return pa.concat_tables(tables).take([position[self._places[key]] for key in wanted])

    def _read_part(self, path: Path, rows: list[int], columns: Sequence[str]) -> pa.Table:
        try:
            return read_rows(path, rows, columns)
        except DamagedPartError as error:
            raise InputError("The survey cannot be read:", [f"{path}: {error}; {_REMEDY}"]) from error


_REMEDY = "run the survey pipeline (kedro run --pipeline survey)"
