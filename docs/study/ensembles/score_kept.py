"""Score every way of making one answer on the labels that were kept aside.

    python docs/study/ensembles/score_kept.py COMPETITION KEPT_LABELS

Run in the project's folder after ``kedro run --pipeline ensemble --params competition=COMPETITION``. KEPT_LABELS is the
file that ``keep_aside.py`` wrote. One row a member and a method: expected (nested, with the interval for a part as
large as the kept one) beside what the kept labels say.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from podium.ensembling.criteria import BOUNDS, score
from podium.ensembling.judging import judge
from podium.ensembling.resampling import bootstrap_scores, make_interval
from podium.pipelines.ensemble.choosing import list_methods
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.ensemble.nodes import gather_members
from podium.pipelines.splitting.config import SplittingConfig


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("competition")
    parser.add_argument("kept_labels", type=Path)
    arguments = parser.parse_args()
    bootstrap_project(Path.cwd())
    with KedroSession.create(runtime_params={"competition": arguments.competition}) as session:
        catalog = session.load_context().catalog
        names = ["oof", "test_probabilities", "history", "images", "folds", "targets", "copies", "classes",
                 "submission_template", "teammate_members"]  # fmt: skip
        tables: dict[str, Any] = {name: catalog.load(name) for name in names}
        config = EnsembleConfig.model_validate(dict(catalog.load("params:ensemble")))
        splitting = SplittingConfig.model_validate(dict(catalog.load("params:splitting")))
    members = gather_members(**tables, splitting=splitting, ensemble=config)
    truth = align_kept(pd.read_csv(arguments.kept_labels), tables, members.test_ids)
    test = np.stack([members.load_test[name]() for name in members.names])
    groups, labels = members.groups, members.labels
    methods = list_methods(members.names, members.oof.size, config)
    judged = judge(methods, members.oof, labels, groups, config.resampling)
    rows = [
        (name, score(oof, labels, config.criterion), oof, score(part, truth, config.criterion))
        for name, oof, part in zip(members.names, members.oof, test, strict=True)
    ]
    for name, choose in methods.items():
        said = choose(members.oof, labels)(test)
        rows.append((name, judged[name].score, judged[name].nested, score(said, truth, config.criterion)))
    table = []
    for name, fitted, nested, reached in rows:
        draws = bootstrap_scores(
            nested[None], labels, groups, config.criterion, config.n_draws, config.seed, n_drawn_images=len(truth)
        )
        expected = score(nested, labels, config.criterion)
        interval = make_interval(expected, draws[0], config.level, BOUNDS[config.criterion])
        is_covered = interval.low <= reached <= interval.high
        table.append((name, fitted, expected, interval.low, interval.high, reached, is_covered))
    columns = ["what", "out of fold", "nested", "low", "high", "kept aside", "within"]
    print(pd.DataFrame(table, columns=columns).to_string(index=False, float_format="{:.4f}".format))


def align_kept(kept: pd.DataFrame, tables: dict[str, Any], test_ids: pd.Series) -> np.ndarray:
    """Return the label of each test image, int64."""
    template, classes = tables["submission_template"], tables["classes"]
    image_of = template.set_index(template.columns[1])["image_id"]
    label_of = classes.set_index("target")["label"]
    labels = pd.Series(label_of.loc[kept.iloc[:, 1]].to_numpy(), index=image_of.loc[kept.iloc[:, 0].astype(str)])
    return labels.loc[test_ids].to_numpy(np.int64)


if __name__ == "__main__":
    main()
