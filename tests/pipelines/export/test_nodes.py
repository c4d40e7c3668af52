"""Exported networks answer as torch does, or are named and not saved."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from packing.drawn_model import draw_files, make_contents
from podium.competitions.config import ImageFolder
from podium.errors import InputError
from podium.packing import onnx_export
from podium.packing.contents import FOLDER_KEY, write_contents
from podium.packing.scorer import load_scorer
from podium.pipelines.export import nodes
from podium.pipelines.export.config import ExportConfig
from podium.pipelines.export.nodes import choose_pictures, export_networks


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """One member with one network of two folds."""
    folder = tmp_path / "packed" / "artifacts" / FOLDER_KEY
    folder.mkdir(parents=True)
    contents = make_contents(folder)
    write_contents(keep_first(contents), folder)
    return tmp_path / "packed"


def keep_first(contents: Any) -> Any:

    return replace(contents, members=contents.members[:1])


@pytest.fixture
def competition(tmp_path: Path) -> ImageFolder:
    for number, data in enumerate(draw_files(5)):
        (tmp_path / f"{number}.img").write_bytes(data)
    return ImageFolder(format="image_folder", root=str(tmp_path))


IMAGES = pd.DataFrame(
    {"image_id": list("ebdca"), "subset": "test", "path": ["4.img", "1.img", "3.img", "2.img", "0.img"]}
)


@pytest.mark.slow
def test_exported_network_answers_batches_of_any_size_as_torch_does(packed: Path, competition: ImageFolder) -> None:
    saved = list(export_networks(packed, IMAGES, competition, ExportConfig(n_images=4)))
    assert [list(one["onnx_models"]) for one in saved] == [["큰-0a/fold_0"], ["큰-0a/fold_2"]]
    parity = saved[0]["onnx_parity"]["큰-0a/fold_0"]
    assert (parity["n_images"], parity["n_other_classes"]) == (4, 0)
    assert 0 < parity["largest_difference"] <= 1e-4
    scorer = load_scorer(packed / "artifacts/packed/큰-0a/fold_0/weights.safetensors")
    session = onnxruntime.InferenceSession(saved[0]["onnx_models"]["큰-0a/fold_0"])
    for n_images in (1, 7):
        pixels = np.random.default_rng(n_images).integers(0, 256, (n_images, 40, 32, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = scorer(torch.from_numpy(pixels)).numpy()
        (answered,) = session.run(["probabilities"], {"images": pixels})
        np.testing.assert_allclose(answered, expected, atol=1e-4)


def test_networks_that_cannot_be_exported_or_answer_otherwise_are_all_named_and_not_saved(
    packed: Path, competition: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[bytes] = []

    def export(scorer: Any) -> bytes:
        exported.append(b"model")
        if len(exported) == 1:
            raise RuntimeError("no\n decomposition of aten.strange")
        return b"model"

    monkeypatch.setattr(onnx_export, "export_scorer", export)
    monkeypatch.setattr(onnx_export, "run_exported", lambda model, images: np.full((len(images), 4), 0.25))
    with pytest.raises(InputError, match="were not exported") as error:
        list(export_networks(packed, IMAGES, competition, ExportConfig()))
    first, second = error.value.cases
    assert first == "큰-0a/fold_0: its backbone has no ONNX form: no decomposition of aten.strange"
    assert second.startswith("큰-0a/fold_2: probabilities differ by up to ")


def test_what_is_not_installed_is_named(
    packed: Path, competition: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="not installed") as error:
        list(export_networks(packed, IMAGES, competition, ExportConfig()))
    assert len(error.value.cases) == 3


def test_pictures_are_of_the_test_part_evenly_whatever_the_order() -> None:
    train = IMAGES.assign(subset="train", path="train.img", image_id=list("fghij"))
    both = pd.concat([train, IMAGES])
    assert choose_pictures(both, 3) == ["0.img", "2.img", "4.img"]
    assert choose_pictures(both.sample(frac=1, random_state=1), 99) == [f"{n}.img" for n in range(5)]
    assert choose_pictures(train, 1) == ["train.img"]
