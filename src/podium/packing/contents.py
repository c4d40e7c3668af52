"""What a packed model is made of, as plain values that a file of JSON holds."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

CONTENTS_NAME = "contents.json"
FOLDER_KEY = "packed"
"""The artifact of MLflow's model that holds the contents and all weights."""


@dataclass(frozen=True)
class PackedNetwork:
    """The networks of all folds that one training left.

    Attributes:
        name: The member that they were trained as.
        weights: By fold, the file of its weights: anywhere before packing, below the packed folder afterwards.
        values: The value of its attribute that each class has, for networks of one attribute; None for those that tell
            the classes themselves apart.
    """

    name: str
    weights: dict[int, str]
    values: tuple[int, ...] | None = None


@dataclass(frozen=True)
class PackedMember:
    """One voice of the model.

    Attributes:
        name: Of the member.
        weight: With which its probabilities count; those of all members sum to 1.
        networks: One; of a join, one an attribute.
        is_join: Whether the networks' probabilities are multiplied.
    """

    name: str
    weight: float
    networks: tuple[PackedNetwork, ...]
    is_join: bool = False


@dataclass(frozen=True)
class PackedClass:
    """A class as the competition knows it: its number, its name, and the organisers' value for it."""

    label: int
    class_name: str
    target: int | str


@dataclass(frozen=True)
class Contents:
    """All that leads from the bytes of a picture to its class.

    Attributes:
        competition: Its name.
        what: ``ensemble``, or the member that stands alone.
        members: Who has a say.
        folds: Whose models are averaged.
        classes: By label.
        temperature, offsets: Of the decision; see :class:`podium.ensembling.decisions.Decision`.
        max_pixels: Larger pictures are refused.
        about: Where it comes from: digests, scores, commit; plain text by name.
    """

    competition: str
    what: str
    members: tuple[PackedMember, ...]
    folds: tuple[int, ...]
    classes: tuple[PackedClass, ...]
    temperature: float
    offsets: tuple[float, ...]
    max_pixels: int
    about: dict[str, str]

    def list_files(self) -> Iterator[tuple[str, int, str]]:
        """Yield network, fold and file of all weights, each network once however many members share it."""
        networks = {network.name: network for member in self.members for network in member.networks}
        for name in sorted(networks):
            for fold in self.folds:
                yield name, fold, networks[name].weights[fold]

    def place_files(self, places: dict[tuple[str, int], str]) -> "Contents":
        """Say where weights lie now, by network and fold."""
        return replace(
            self,
            members=tuple(
                replace(
                    member,
                    networks=tuple(
                        replace(network, weights={fold: places[network.name, fold] for fold in self.folds})
                        for network in member.networks
                    ),
                )
                for member in self.members
            ),
        )


def find_contents(model: Path) -> Path:
    """Return the folder of contents and weights within a packed model, as MLflow lays it out."""
    return model / "artifacts" / FOLDER_KEY


def write_contents(contents: Contents, folder: Path) -> None:
    """Write ``contents.json`` into a folder."""
    text = json.dumps(asdict(contents), ensure_ascii=False, indent=1)
    (folder / CONTENTS_NAME).write_text(text + "\n", encoding="utf-8")


def read_contents(folder: Path) -> Contents:
    """Read what :func:`write_contents` wrote; weights are named relative to the folder."""
    plain: dict[str, Any] = json.loads((folder / CONTENTS_NAME).read_text(encoding="utf-8"))
    members = tuple(
        PackedMember(
            **{
                **member,
                "networks": tuple(
                    PackedNetwork(
                        name=network["name"],
                        weights={int(fold): file for fold, file in network["weights"].items()},
                        values=None if network["values"] is None else tuple(network["values"]),
                    )
                    for network in member["networks"]
                ),
            }
        )
        for member in plain["members"]
    )
    lists = {key: tuple(plain[key]) for key in ("folds", "offsets")}
    classes = tuple(PackedClass(**one) for one in plain["classes"])
    return Contents(**{**plain, **lists, "members": members, "classes": classes})
