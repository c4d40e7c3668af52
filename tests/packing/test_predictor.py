"""What a packed model says, against the path that training and the ensemble take through their stores and tables."""

from pathlib import Path

import numpy as np
import pytest
import torch

from packing.drawn_model import FOLDS, N_CLASSES, SPECS, VALUES, draw_files, make_contents
from podium.datasets.weights import WeightsDataset
from podium.ensembling.decisions import Decision
from podium.errors import InputError
from podium.packing.contents import Contents, write_contents
from podium.packing.predictor import BATCH_SIZE, Predictor
from podium.vision.attributes import join_attributes, spread_over_classes
from podium.vision.classifier import Classifier
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.losses import make_loss
from podium.vision.network import load_network
from podium.vision.predict import predict_probabilities
from podium.vision.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return make_contents(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def predictor(contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("packed")
    write_contents(contents, folder)
    return Predictor(folder, CPU)


def predict_as_training_does(weights: str, files: list[bytes], folder: Path, n_classes: int) -> np.ndarray:
    """Read pictures into an image store, and let the very module that was trained speak."""
    loaded = WeightsDataset(filepath=weights).load()
    recipe = Recipe.model_validate(loaded["header"]["recipe"])
    network, spec = load_network(**loaded)
    names = [f"{number:03d}" for number in range(len(files))]
    for name, data in zip(names, files, strict=True):
        (folder / name).write_bytes(data)
    store_folder = folder / "store" / spec.preparation
    filled = fill_store(store_folder, folder, names, spec=spec, max_pixels=10**6, n_jobs=1, progress=False)
    store = ImageStore(store_folder)
    loss = make_loss(recipe.loss, np.ones(n_classes, np.int64))
    classifier = Classifier(recipe, spec, network, loss, 1, n_classes, (), True)
    rows = store.rows_of(filled.table["sha256"])
    return predict_probabilities(classifier, store, rows, recipe.test_time_views, n_classes, 5, CPU, torch.float32)


def test_answer_is_that_of_training_averaged_over_folds_joined_weighted_and_decided(
    predictor: Predictor, contents: Contents, tmp_path: Path
) -> None:
    files, total = draw_files(), np.zeros((12, N_CLASSES))
    for member in contents.members:
        of_folds = []
        for fold in FOLDS:
            said = []
            for network in member.networks:
                n_classes = N_CLASSES if network.values is None else 2
                own = predict_as_training_does(network.weights[fold], files, tmp_path, n_classes)
                said.append(own if network.values is None else spread_over_classes(own, np.array(network.values)))
            of_folds.append(join_attributes(said) if member.is_join else said[0])
        total += member.weight * np.mean(of_folds, axis=0)
    expected = Decision(contents.temperature, contents.offsets).apply(total)
    found = predictor.predict(files)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert len(set(found.argmax(axis=1))) > 1, "the pictures have to be told apart"


def test_a_picture_is_answered_alike_alone_and_among_others(predictor: Predictor) -> None:
    files = draw_files(BATCH_SIZE + 3)
    together = predictor.predict(files)
    alone = np.concatenate([predictor.predict([files[place]]) for place in (0, 7, BATCH_SIZE + 2)])
    np.testing.assert_allclose(together[[0, 7, BATCH_SIZE + 2]], alone, atol=2e-6)


def test_no_pictures_give_no_rows(predictor: Predictor) -> None:
    assert predictor.predict([]).shape == (0, N_CLASSES)


def test_every_picture_that_cannot_be_read_is_named_by_its_place(predictor: Predictor) -> None:
    files = draw_files(BATCH_SIZE + 2)
    files[1], files[BATCH_SIZE + 1] = b"", files[0][:50]
    with pytest.raises(InputError, match="Pictures cannot be read") as error:
        predictor.predict(files)
    assert [case.split(":")[0] for case in error.value.cases] == ["image 1", f"image {BATCH_SIZE + 1}"]


def test_networks_of_one_attribute_are_known_by_what_they_tell_apart(contents: Contents) -> None:
    by_name = {network.name: network for member in contents.members for network in member.networks}
    assert {name: network.values for name, network in by_name.items()} == {
        "큰-0a": None, "얼굴-1b": VALUES["얼굴"], "나이-1b": VALUES["나이"],
    }  # fmt: skip
    assert len(SPECS) == 2
