"""All contenders of the end-to-end bench train the same job on the same parts."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.benches import training
from benchmarks.benches.training import Job
from benchmarks.options import Options
from podium.vision.recipe import Recipe

JOB = Job(backbone="resnet10t", input_height_px=48, input_width_px=64, batch_size=8, epochs=5, lr=0.002, smoothing=0.2)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for name in ("class_00/0.jpg", "class_01/1.jpg"):
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode())
    return folder


def test_a_project_holds_the_pictures_and_nothing_of_earlier_runs(tmp_path: Path, pictures: Path) -> None:
    project = tmp_path / "project"
    training.make_project(project, pictures, JOB)
    linked = project / "competition/train/class_01/1.jpg"
    assert linked.samefile(pictures / "class_01/1.jpg") and not linked.is_symlink()
    assert {path.name for path in project.iterdir()} == {"conf", "src", "pyproject.toml", "competition"}
    assert {path.name for path in (project / "conf/local").iterdir()} == {"globals.yml", "parameters_bench.yml"}


def test_recipe_says_what_the_job_says() -> None:
    recipe = Recipe.model_validate({"name": "bench", **training.describe_recipe(JOB)})
    assert (recipe.model.backbone, recipe.input.size_px) == (JOB.backbone, (48, 64))
    assert (recipe.batch_size, recipe.epochs, recipe.loss.label_smoothing) == (8, 5, 0.2)
    assert (recipe.optimizer.name, recipe.optimizer.lr) == ("adamw", 0.002)
    assert not recipe.model.pretrained


def test_timm_is_told_the_same_job(tmp_path: Path) -> None:
    command = training.timm_command(Path("parts"), JOB, tmp_path, Path("scripts"))
    told = {flag: command[command.index(flag) + 1] for flag in command if flag.startswith("-")}
    assert (told["--model"], told["-b"], told["--epochs"], told["--smoothing"]) == ("resnet10t", "8", "5", "0.2")
    assert (told["--lr"], told["-j"], told["-vb"]) == ("0.002", str(JOB.num_workers), "32")
    assert command[command.index("--input-size") + 1 :][:3] == ["3", "48", "64"]


def test_without_a_checkout_of_timm_the_contender_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"timm's train\.py is in no package"):
        training.timm_command(Path("parts"), JOB, tmp_path, None)


def test_the_held_out_fold_validates(tmp_path: Path) -> None:
    table = pd.DataFrame({"image_id": ["train/b/2.jpg", "train/a/1.jpg", "train/a/0.jpg"], "fold": [0, 1, 2]})
    path = tmp_path / "data/03_primary/bench/folds.parquet/now/folds.parquet"
    path.parent.mkdir(parents=True)
    table.to_parquet(path)
    assert training.read_parts(tmp_path) == {"train": ["a/0.jpg", "a/1.jpg"], "validation": ["b/2.jpg"]}


def test_every_bench_has_ours_and_both_others_at_the_same_job() -> None:
    for bench in training.define(Options()):
        flags = {contender.name: contender.command[5:] for contender in bench.contenders}
        assert set(flags) == {"podium", "timm", "fastai"}
        assert len({tuple(part) for part in flags.values()}) == 1
