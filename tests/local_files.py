"""Local files written as a run writes them, for one test alone."""

from collections.abc import Iterator

import fsspec
import pytest

from podium.atomic_files import write_files_atomically


@pytest.fixture
def own_registry() -> Iterator[None]:
    """Give fsspec its own file systems back afterwards."""
    before = {name: fsspec.get_filesystem_class(name) for name in ("file", "local")}
    yield
    for name, implementation in before.items():
        fsspec.register_implementation(name, implementation, clobber=True)


@pytest.fixture
def atomic_writing(own_registry: None) -> None:
    """Write all local files whole or not at all."""
    write_files_atomically()
