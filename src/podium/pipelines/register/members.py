"""The networks behind an ensemble or a member, and what is missing of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from kedro.io.core import DatasetError

from podium.datasets.trained_members import TrainedMembers
from podium.errors import raise_if_any
from podium.packing.contents import PackedMember, PackedNetwork
from podium.pipelines.ensemble.members import name_handed_over


def pack_members(
    weights: Mapping[str, float],
    trained: TrainedMembers,
    folds: Sequence[int],
    class_values: Mapping[str, Sequence[int]],
) -> tuple[PackedMember, ...]:
    """Find the networks of members.

    Args:
        weights: By member, in the order in which they are added up.
        trained: Where their weights are.
        folds: Which each member needs.
        class_values: By attribute, the number of the value that each class has.

    Raises:
        InputError: Weights are missing or damaged, or a member has no networks here; all are listed.
    """
    headers: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    for name in weights:
        header = _read_header(name, trained, folds, faults)
        if header is None:
            continue
        headers[name] = header
        for source in _list_joined(header):
            found = _read_header(source, trained, folds, faults, f"which {name} joins")
            headers |= {} if found is None else {source: found}
    raise_if_any("The model cannot be packed:", faults)
    return tuple(_pack(name, weight, headers, trained, folds, class_values) for name, weight in weights.items())


def _pack(
    name: str,
    weight: float,
    headers: Mapping[str, dict[str, Any]],
    trained: TrainedMembers,
    folds: Sequence[int],
    class_values: Mapping[str, Sequence[int]],
) -> PackedMember:
    joined = _list_joined(headers[name])
    networks = []
    for source in joined or [name]:
        attribute = headers[source]["recipe"]["attribute"]
        networks.append(
            PackedNetwork(
                name=source,
                weights={fold: str(trained.weights[f"{source}/fold_{fold}"]) for fold in folds},
                values=None if attribute is None else tuple(int(value) for value in class_values[attribute]),
            )
        )
    return PackedMember(name, weight, tuple(networks), is_join=bool(joined))


def _list_joined(header: Mapping[str, Any]) -> list[str]:
    """List the members that one multiplies; a soup or a taught member has weights of its own."""
    return list(header["member"]["sources"]) if header["recipe"]["join"] else []


def _read_header(
    name: str, trained: TrainedMembers, folds: Sequence[int], faults: list[str], why: str = ""
) -> dict[str, Any] | None:
    """Return what a member's weights say of it; None, and a line for each fault, where they are not there."""
    told = f"{name}, {why}" if why else name
    if name.startswith(name_handed_over("")):
        faults.append(
            f"{told}: handed over without its networks; name it in ensemble.leave_out and make the ensemble anew"
        )
        return None
    header = None
    for fold in folds:
        partition = f"{name}/fold_{fold}"
        try:
            header = trained.load_header(partition) or header
        except DatasetError:
            faults.append(f"{told}: the weights of fold {fold} are damaged, or not written by Podium")
            continue
        if partition not in trained.weights:
            faults.append(f"{told}: the weights of fold {fold} are not on this machine")
    return header
