"""Predict the training images of a competition out of fold by models that learnt from flipped labels.

    python docs/study/label_errors/predict_flipped.py features COMPETITION OUT --seeds 1 2 3 4 5
    python docs/study/label_errors/predict_flipped.py member COMPETITION FLIPPED OUT --seed 1

Run in the project's folder. ``features`` needs the competition ingested and split for a recipe whose backbone is
``tf_efficientnet_lite0``; it flips 3 % of the labels itself, twice a seed, and fits a logistic regression on features
of the backbone as it comes. Once the new labels are any others, once such as the same regression, fitted on the true
labels, takes the old ones for. ``member`` takes the member that was trained last, on a competition that
``flip_labels.py`` wrote; FLIPPED is its flipped_labels.csv.

Both write OUT/<competition>-<kind>_<seed>.npz with ``given`` and ``true`` labels, int64 (n,), and ``probabilities`` out
of fold, float32 (n, k), for ``score_found.py``.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from flip_labels import Labels, flip, weigh_evenly
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from podium.probabilities import to_matrix
from podium.vision.backbones import build_backbone, get_own_input
from podium.vision.batches import StoredBatches, load_stored_batches
from podium.vision.image_store import ImageStore
from podium.vision.network import Normalize, to_float
from podium.vision.recipe import ModelConfig
from podium.vision.starting_weights import find_starting_weights

SHARE = 0.03
BACKBONE = ModelConfig(backbone="tf_efficientnet_lite0", pretrained=True)
STRENGTH = 0.01  # C of the regression: of 0.0001 to 0.1 about the most accurate on the three smaller sets


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="way", required=True)
    features = ways.add_parser("features")
    member = ways.add_parser("member")
    for way in (features, member):
        way.add_argument("competition")
    member.add_argument("flipped", type=Path)
    for way in (features, member):
        way.add_argument("out", type=Path)
    features.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    member.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.way == "features":
        predict_from_features(options.competition, options.seeds, options.out)
    else:
        file = options.out / f"{options.competition}-member_{options.seed}.npz"
        read_member(options.competition, options.flipped, file)


def predict_from_features(competition: str, seeds: list[int], out: Path) -> None:
    """Flip and predict once a seed."""
    loaded = load_tables(competition, ["images", "image_store", "folds", "classes", "params:weights_dir"])
    train = loaded["images"].query("subset == 'train'").merge(loaded["folds"], on="image_id", validate="1:1")
    features = compute_features(ImageStore(Path(loaded["image_store"]["folder"])), train["sha256"],
                                Path(loaded["params:weights_dir"]))  # fmt: skip
    true, folds = train["label"].to_numpy(np.int64), train["fold"].to_numpy()
    n_classes = len(loaded["classes"])
    taken_for = np.zeros((n_classes, n_classes))
    np.add.at(taken_for, true, predict_out_of_fold(features, true, folds, n_classes))
    np.fill_diagonal(taken_for, 0.0)
    for kind, weights in (("any", weigh_evenly(n_classes)), ("similar", taken_for)):
        for seed in seeds:
            given = flip(true, SHARE, weights, seed)
            probabilities = predict_out_of_fold(features, given, folds, n_classes)
            np.savez(out / f"{competition}-{kind}_{seed}.npz", given=given, true=true, probabilities=probabilities)
            print(f"{competition}, {kind}, seed {seed}: {(given != true).sum()} labels flipped")


def read_member(competition: str, flipped: Path, file: Path) -> None:
    """Bring a member's predictions, given labels and true labels into one order."""
    loaded = load_tables(competition, ["images", "oof_predictions", "classes"])
    columns = ["image_id", "label", "path"]
    table = loaded["oof_predictions"].merge(loaded["images"][columns], on="image_id", suffixes=("_oof", ""))
    given = table["label"].to_numpy(np.int64)
    before = pd.read_csv(flipped, dtype=str).set_index("ID")["target"]
    label_of = loaded["classes"].assign(target=loaded["classes"]["target"].astype(str)).set_index("target")["label"]
    own = table["path"].map(lambda path: before.get(Path(path).name))
    true = own.map(label_of).fillna(table["label"]).to_numpy(np.int64)
    assert (given != true).sum() == len(before)
    np.savez(file, given=given, true=true, probabilities=to_matrix(table))


def load_tables(competition: str, names: list[str]) -> dict[str, Any]:
    """Read from the catalog."""
    bootstrap_project(Path.cwd())
    with KedroSession.create(runtime_params={"competition": competition}) as session:
        catalog = session.load_context().catalog
        return {name: catalog.load(name) for name in names}


@torch.inference_mode()
def compute_features(store: ImageStore, sha256: pd.Series, weights_dir: Path) -> npt.NDArray[np.float32]:
    """Show all images to the backbone as it comes from its package; float32 (n, n_features)."""
    backbone = build_backbone(BACKBONE, store.size_px, find_starting_weights(BACKBONE, weights_dir)).eval()
    normalize = Normalize(get_own_input(BACKBONE.backbone))
    batches = load_stored_batches(StoredBatches(store, store.rows_of(sha256), None, 32), pin_memory=False)
    return np.concatenate([backbone(normalize(to_float(pixels))).numpy() for pixels, _ in batches])


def predict_out_of_fold(
    features: npt.NDArray[np.float32], labels: Labels, folds: npt.NDArray[np.int64], n_classes: int
) -> npt.NDArray[np.float32]:
    """Fit a multinomial logistic regression without each fold, and let it predict that one; float32 (n, n_classes)."""
    probabilities = np.zeros((len(labels), n_classes), dtype=np.float32)
    for fold in np.unique(folds):
        held_out = folds == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))
        model.fit(features[~held_out], labels[~held_out])
        probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return probabilities


if __name__ == "__main__":
    main()
