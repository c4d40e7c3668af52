"""Train single changes of a recipe, each with several seeds, by the project's own commands, and tabulate the scores.

    python docs/study/compare_changes.py --competition mask18_ffhq_utk --epochs 8 --seeds 1 2 3

Writes ``conf/local/parameters_study.yml`` (the recipes) and ``docs/study/scores.csv`` (one row a run, kept up to date,
so that an interrupted study goes on where it was), and prints the table in Markdown.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCORES = HERE / "scores.csv"


def write_recipes(changes: dict[str, dict], epochs: int) -> None:
    """Write one recipe a change, on a single hold-out and a small budget."""
    common = {"based_on": "baseline", "epochs": epochs}
    recipes = {f"study_{name}": {**common, **change} for name, change in changes.items()}
    parameters = {"recipes": recipes, "splitting": {"scheme": "hold_out"}, "training": {"progress": False}}
    (ROOT / "conf/local/parameters_study.yml").write_text(yaml.safe_dump(parameters, sort_keys=False), encoding="utf-8")


def train(competition: str, name: str, seed: int) -> dict[str, float | int | str]:
    """Run one training and read what it scored."""
    recipe = f"study_{name}"
    parameters = f"competition={competition},recipe={recipe},recipes.{recipe}.seed={seed}"
    command = [sys.executable, "-m", "kedro", "run", "--pipeline", "train", "--params", parameters]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    newest = sorted((ROOT / f"data/08_reporting/{competition}/scores.json").glob("*/scores.json"))[-1]
    scores = json.loads(newest.read_text(encoding="utf-8"))
    assert scores["member"].startswith(f"{recipe}-")
    return {"change": name, "seed": seed, **{key: scores[key] for key in ("macro_f1", "accuracy", "log_loss")}}


def tabulate(scores: pd.DataFrame, changes: dict[str, dict]) -> str:
    """Give each change its mean over seeds, their standard deviation, and the difference from no change."""
    grouped = scores.groupby("change")[["macro_f1", "accuracy", "log_loss"]]
    mean, spread = grouped.mean(), grouped.std()
    lines = ["| change | macro F1 | against baseline | accuracy | log loss |", "| --- | --- | --- | --- | --- |"]
    for name in [name for name in changes if name in mean.index]:
        row, deviation = mean.loc[name], spread.loc[name]
        change = yaml.safe_dump(changes[name], default_flow_style=True, width=1000, sort_keys=False).strip()[1:-1]
        lines.append(
            f"| {f'`{change}`' if change else 'none: `baseline`'} | {row.macro_f1:.3f} ± {deviation.macro_f1:.3f} "
            f"| {row.macro_f1 - mean.loc['plain'].macro_f1:+.3f} | {row.accuracy:.3f} ± {deviation.accuracy:.3f} "
            f"| {row.log_loss:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Work off what is not in the table of scores yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--competition", required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    changes = yaml.safe_load((HERE / "changes.yml").read_text(encoding="utf-8"))
    write_recipes(changes, options.epochs)
    rows = pd.read_csv(SCORES).to_dict("records") if SCORES.exists() else []
    for seed in options.seeds:
        for name in changes:
            if not any(row["change"] == name and row["seed"] == seed for row in rows):
                rows.append(train(options.competition, name, seed))
                pd.DataFrame(rows).to_csv(SCORES, index=False)
    print(tabulate(pd.DataFrame(rows), changes))


if __name__ == "__main__":
    main()
