"""Growth: the steps between images and training, and between predictions and submission, on up to a million rows.

Each step runs as in its pipeline, with the tables that it reads checked and written as the catalog does; tables of
probabilities are Parquet files, read while it runs. Not in the figure: drawing and writing what it reads.

- split: images → near hashes, sets of copies, folds; pictures are not compared.
  Every third image has a group of its own, others share one with a few; 1 % are copies of
  another, saved again. Hashes collide as those of portraits do, which is far more often than random ones.
- targets: images → training labels, ages shifted.
- oof: the three folds of a member → one table, its scores, those of each class, and the worst images.
- ensemble: three members of three folds → ranking, methods judged nested, weights, blended tables, scores.
- submission: blended table → answers, checked and written.

The time of a million rows is held against what n·log n makes of the time of 10⁵ rows, and shown beside what it makes of
fewer. The split is also held against a minute, and shown beside scikit-learn's splitter alone: its time on 10⁵ rows,
times ten.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

N_ROWS = 1_000_000
SMALLER = (1_000, 10_000, 100_000)
BOUND = 1.25
STEPS = ("split", "targets", "oof", "ensemble", "submission")
MEMBERS, FOLDS = ("one", "other", "third"), (0, 1, 2)
REPEAT_S = 2.0
"""Tables are measured again and again for so long, and the least time counts."""

Step = Callable[[], object]


def define(options: Options) -> list[Bench]:
    """Define a bench a step for its growth, and one for the minute."""
    growth = [
        Bench(
            name=f"growth_{step}",
            title=f"{step} of 10⁶ rows against n·log n",
            unit="s",
            better="lower",
            contenders=[
                _call(OURS, step, N_ROWS), *(_call(f"n·log n from 10^{round(math.log10(n))}", step, n) for n in SMALLER)
            ],
            against=[f"n·log n from 10^{round(math.log10(SMALLER[-1]))}"],
            bound=BOUND,
            ratio_of="time of 10⁶ rows / n·log n from 10⁵",
        )
        for step in STEPS
    ]  # fmt: skip
    minute = Bench(
        name="growth_minute",
        title="split of 10⁶ rows within a minute",
        unit="s",
        better="lower",
        contenders=[
            _call(OURS, "split", N_ROWS), _call("a minute", "minute", 1), _call("scikit-learn", "sklearn", SMALLER[-1])
        ],
        against=["a minute"],
        bound=1.0,
        ratio_of="ours / a minute",
    )  # fmt: skip
    return [*growth, minute]


def _call(name: str, step: str, n: int) -> Contender:
    return Contender(name, [sys.executable, "-m", "benchmarks.benches.growth", "--who", step, "--rows", str(n)])


def main() -> None:
    """Time one step at one size, and scale it to a million rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--who", required=True, choices=[*STEPS, "sklearn", "minute"])
    parser.add_argument("--rows", type=int, required=True)
    arguments = parser.parse_args()
    n = arguments.rows
    if arguments.who == "minute":
        print_figure(60.0)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_step(arguments.who, SMALLER[0], Path(folder))()  # what is imported late, is
        elapsed_s = measure(make_step(arguments.who, n, Path(folder)))
    growth = N_ROWS / n if arguments.who == "sklearn" else N_ROWS * math.log(N_ROWS) / (n * math.log(n))
    print_figure(elapsed_s * growth)


def measure(step: Step) -> float:
    """Return the least time of a step, s; large tables are measured twice, small ones as often as time allows."""
    times: list[float] = []
    while sum(times) < REPEAT_S or len(times) < 2:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def make_step(name: str, n: int, folder: Path) -> Step:
    """Draw what a step reads, and return the step."""
    import numpy as np

    rng = np.random.default_rng(0)
    make = {
        "split": make_split,
        "sklearn": make_sklearn_split,
        "targets": make_targets,
        "oof": make_oof,
        "ensemble": make_ensemble,
        "submission": make_submission,
    }[name]
    return make(n, rng, folder)


def make_split(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make the splitting pipeline, and of the leaks pipeline what needs no pictures."""
    from podium.copies.search import COLUMNS, find_near_hashes
    from podium.copies.sets import collect_copies
    from podium.pipelines.leaks.config import LeaksConfig
    from podium.pipelines.splitting.config import SplittingConfig
    from podium.pipelines.splitting.nodes import assign_folds
    from podium.schemas import check_folds, check_images

    images, classes = draw_hashed_images(n, rng), draw_classes()

    def split() -> None:
        near = find_near_hashes(check_images(images), LeaksConfig().near_duplicate_max_bits)
        first, second = (images["sha256"].iloc[near[end]].tolist() for end in ("left", "right"))
        ends = near.assign(first=first, second=second, kind="look_alike", similarity=1.0, change="saved anew")
        copies = collect_copies(images, ends[list(COLUMNS)].astype(COLUMNS))
        _write(check_folds(assign_folds(images, classes, copies, SplittingConfig())), folder)

    return split


def make_sklearn_split(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make scikit-learn's splitter, of labels and numbered groups that are there already."""
    from sklearn.model_selection import StratifiedGroupKFold

    images = draw_images(n, rng)
    labels, groups = images["label"].to_numpy(int), images["group_id"].factorize()[0]
    return lambda: list(StratifiedGroupKFold(len(FOLDS), shuffle=True, random_state=1).split(labels, labels, groups))


def make_targets(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make the labels pipeline."""
    from podium.competitions.config import MaskProfiles
    from podium.pipelines.labels.nodes import shift_labels
    from podium.schemas import check_images, check_targets
    from podium.vision.recipe import Recipe

    images, classes = draw_images(n, rng), draw_classes()
    competition, recipe = MaskProfiles(format="mask_profiles", root=folder), Recipe(name="growth")

    def shift() -> None:
        targets = shift_labels(check_images(images), classes, describe_attributes(), competition, recipe)
        _write(check_targets(targets), folder)

    return shift


def make_oof(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make the evaluation pipeline without its plots."""
    from podium.pipelines.evaluation.nodes import collect_predictions, list_worst_images, score_each_class, score_member
    from podium.pipelines.training.member import digest_recipe
    from podium.vision.recipe import Recipe

    images, classes, attributes, recipe = draw_images(n, rng), draw_classes(), describe_attributes(), Recipe(name="one")
    targets = images[["image_id", "label"]].astype({"label": "int64"})
    oof = draw_members(targets, rng.integers(0, len(FOLDS), n), MEMBERS[:1], rng, folder)
    of_member = {"recipe_digest": digest_recipe(recipe), "attribute": None, "folds": list(FOLDS)}
    member = {"name": recipe.name, "recipe": recipe.name, **of_member}

    def evaluate() -> None:
        predictions = collect_predictions(member, oof, recipe)
        _write(predictions, folder)
        score_member(member, predictions, targets, classes, attributes)
        score_each_class(predictions, targets, classes)
        list_worst_images(predictions, targets, classes).to_csv(folder / "worst.csv", index=False)

    return evaluate


def make_ensemble(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make the ensemble pipeline, on as many test images as training images."""
    import pandas as pd

    from podium.pipelines.ensemble import create_pipeline
    from podium.pipelines.ensemble.config import EnsembleConfig
    from podium.pipelines.splitting.config import SplittingConfig
    from podium.pipelines.training.member import digest_present

    train, classes = draw_hashed_images(n, rng), draw_classes()
    new = train.assign(image_id="test/" + train["image_id"], subset="test", label=pd.NA, group_id=None)
    images = pd.concat([train, new], ignore_index=True).astype({"label": "Int64"})
    targets = train[["image_id", "label"]].astype({"label": "int64"})
    folds = pd.DataFrame({"image_id": train["image_id"], "fold": rng.integers(0, len(FOLDS), n)})
    present = digest_present(images, folds)
    oof = draw_members(targets, folds["fold"].to_numpy(), MEMBERS, rng, folder / "oof", present)
    of_test = targets.assign(image_id="test/" + targets["image_id"])
    test = draw_members(of_test, None, MEMBERS, rng, folder / "test", present)
    inputs = {
        "oof": oof, "test_probabilities": test, "history": oof, "images": images, "folds": folds, "targets": targets,
        "copies": pd.DataFrame({"image_id": [], "copy_set": []}),
        "classes": classes, "attributes": describe_attributes(), "params:splitting": SplittingConfig(),
        "params:ensemble": EnsembleConfig(), "params:public_share": 0.5,
        "submission_template": images.iloc[:0], "teammate_members": folder / "none",
    }  # fmt: skip

    def run() -> None:
        values: dict[str, Any] = dict(inputs)
        for node in create_pipeline().nodes:
            written = node.run({name: values[name] for name in node.inputs})
            for name in ("ensemble_nested_oof", "ensemble_oof", "ensemble_probabilities"):
                if name in written:
                    _write(written[name], folder)
            values |= written

    return run


def make_submission(n: int, rng: "np.random.Generator", folder: Path) -> Step:
    """Make the submission pipeline, of a template in another order than the predictions."""
    import pandas as pd

    from podium.datasets.submission import SubmissionDataset
    from podium.pipelines.submission.nodes import answer_template
    from podium.probabilities import make_table

    images, classes = draw_images(n, rng), draw_classes()
    targets = images[["image_id", "label"]].astype({"label": "int64"})
    predictions = make_table(images["image_id"], -1, draw_chances(targets["label"].to_numpy(), rng))
    ids = images["image_id"].sample(frac=1, random_state=0, ignore_index=True)
    template = pd.DataFrame({"image_id": ids, "ImageID": ids.str.removeprefix("train/"), "ans": 0})
    dataset = SubmissionDataset(filepath=(folder / "submission.csv").as_posix(), save_args={"index": False})
    unreadable = images.iloc[:0]
    return lambda: dataset.save(answer_template(predictions, template, classes, targets, unreadable))


def draw_images(n: int, rng: "np.random.Generator") -> "pd.DataFrame":
    """Draw a table of training images of 18 classes, sorted by image_id; without perceptual hashes."""
    import numpy as np
    import pandas as pd

    age, rest = rng.integers(18, 70, n), rng.integers(0, 6, n)
    band = np.digitize(age, [30, 60])
    values = {name: np.array(spec["values"]) for name, spec in describe_attributes().items()}
    digests = rng.bytes(32 * n).hex()
    return pd.DataFrame(
        {
            "image_id": [f"train/{i // 1000:04d}/{i:07d}.jpg" for i in range(n)],
            "subset": "train",
            "path": [f"data/train/{i // 1000:04d}/{i:07d}.jpg" for i in range(n)],
            "label": pd.array(rest * 3 + band, dtype="Int64"),
            "group_id": [
                f"person {i}" for i in np.where(rng.random(n) < 1 / 3, n + np.arange(n), rng.integers(0, n, n))
            ],
            "sha256": [digests[i : i + 64] for i in range(0, 64 * n, 64)],
            "width_px": pd.array(np.full(n, 384), dtype="Int64"),
            "height_px": pd.array(np.full(n, 512), dtype="Int64"),
            "n_bytes": pd.array(np.full(n, 60_000), dtype="Int64"),
            "perceptual_hash": "0" * 64,
            "mask": values["mask"][rest // 2],
            "gender": values["gender"][rest % 2],
            "age": values["age"][band],
            "age_years": pd.array(age, dtype="Int64"),
        }
    )


def draw_hashed_images(n: int, rng: "np.random.Generator") -> "pd.DataFrame":
    """Draw a table of training images with perceptual hashes."""
    hashes = draw_hashes(n, rng).tobytes().hex()
    return draw_images(n, rng).assign(perceptual_hash=[hashes[i : i + 64] for i in range(0, len(hashes), 64)])


def draw_classes() -> "pd.DataFrame":
    """Draw the table of 18 classes."""
    from itertools import product

    import pandas as pd

    rows = list(product(*(spec["values"] for spec in describe_attributes().values())))
    classes = pd.DataFrame(rows, columns=list(describe_attributes()))
    classes["class_name"] = classes.agg(" ".join, axis=1)
    return classes.assign(label=range(len(rows)), target=range(len(rows)))


def describe_attributes() -> dict[str, dict[str, Any]]:
    """Describe the attributes that classes are made of."""
    return {
        "mask": {"values": ("worn", "incorrect", "none"), "raw_column": None, "edges": ()},
        "gender": {"values": ("male", "female"), "raw_column": None, "edges": ()},
        "age": {"values": ("<30", "30-59", ">=60"), "raw_column": "age_years", "edges": (30, 60)},
    }


def draw_hashes(n: int, rng: "np.random.Generator") -> "np.ndarray":
    """Draw hashes of pictures of one kind, uint8 (n, 32), 1 % of them copies with 3 % of their bits changed.

    Pictures are patches of brightness in four sizes around one composition; two share 14, 21 or 28 random bits of their
    hashes as often as two portraits of FFHQ do: in 1 of 2^10.9, 2^15.4 and 2^20.1 cases.
    """
    import numpy as np

    composition = np.kron(np.random.default_rng(5).standard_normal((4, 8), dtype=np.float32), np.ones((4, 4)))
    parts = []
    for start in range(0, n, 1 << 14):
        picture = np.tile(composition.astype(np.float32), (min(1 << 14, n - start), 1, 1))
        for side, weight in ((1, 0.1), (2, 0.5), (4, 1.5), (8, 1.0)):
            patches = rng.standard_normal((len(picture), 16 // side, 32 // side), dtype=np.float32)
            picture += weight * patches.repeat(side, axis=1).repeat(side, axis=2)
        picture[:, :, 1:] = picture[:, :, 1:] + picture[:, :, :-1]
        picture[:, 1:] = picture[:, 1:] + picture[:, :-1]
        parts.append(np.packbits(picture[:, :, 1:17] > picture[:, :, :16] + 0.3, axis=2).reshape(-1, 32))
    hashes = np.concatenate(parts)
    copies = np.flatnonzero(rng.random(n) < 0.01)
    changed = np.packbits(rng.random((len(copies), 256)) < 0.03, axis=1)
    hashes[copies] = hashes[rng.integers(0, n, len(copies))] ^ changed
    return hashes


def draw_chances(labels: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Draw probabilities of 18 classes that are right more often than not, float32 (n, 18)."""
    import numpy as np

    chances = rng.random((len(labels), 18), dtype=np.float32)
    chances[np.arange(len(labels)), labels] += 0.7
    return chances / chances.sum(axis=1, keepdims=True)


def draw_members(
    targets: "pd.DataFrame",
    fold_of: "np.ndarray | None",
    members: tuple[str, ...],
    rng: "np.random.Generator",
    folder: Path,
    attrs: dict[str, str] | None = None,
) -> dict[str, Callable[[], "pd.DataFrame"]]:
    """Write each fold of each member as training does, and return what reads it; without folds each holds all rows."""
    import pandas as pd

    from podium.probabilities import make_table

    partitions: dict[str, Callable[[], pd.DataFrame]] = {}
    folder.mkdir(exist_ok=True)
    for member in members:
        for fold in FOLDS:
            rows = targets if fold_of is None else targets[fold_of == fold]
            table = make_table(rows["image_id"], fold, draw_chances(rows["label"].to_numpy(), rng))
            table.attrs.update(attrs or {})
            path = folder / f"{member}-{fold}.parquet"
            table.to_parquet(path)
            partitions[f"{member}/fold_{fold}"] = partial(pd.read_parquet, path)
    return partitions


def _write(table: "pd.DataFrame", folder: Path) -> None:
    table.to_parquet(folder / "written.parquet")


if __name__ == "__main__":
    main()
