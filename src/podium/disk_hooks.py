"""Before each stage, what it is going to write is held against the room that there is."""

import inspect
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline.node import Node

from podium.disk.config import DiskConfig
from podium.disk.predictions import FoldsToTrain, predict_image_store, predict_survey, predict_training
from podium.disk.room import GB, Need, describe_needs, list_shortages, measure_free, require_room, sum_up
from podium.disk.superseded import Superseded
from podium.errors import InputError
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.prune.config import PruneConfig
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.training.config import TrainingConfig
from podium.tracking_place import is_local, read_tracking_uri

logger = logging.getLogger(__name__)

Arguments = Mapping[str, Any]

LEAST_OUTPUT_BYTES = 128 * 1024
"""Assumed of a file that was never written; ``disk.keep_free_gb`` is there for those that are larger."""

GROWTH = 1.5
"""A file that was written before may become so much larger."""


class DiskHooks:
    """Stop a run before a stage that would not fit, in place of half-way through it."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._parameters: dict[str, Any] = {}
        self._tracking_dir: Path | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context, self._parameters = context, {}

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any]) -> None:
        if self._context is None or node.name.startswith("prune."):
            return
        if not self._parameters:  # read once a run: it takes a tenth of a second
            self._parameters = self._context.config_loader["parameters"]
            self._tracking_dir = find_tracking_dir(self._context)
        limits = DiskConfig.model_validate(self._parameters.get("disk", {}))
        needs = predict_node(node, catalog, inputs, self._tracking_dir)
        if limits.prune_when_short and list_shortages(needs, limits):  # a quota is measured file by file, so once
            self._make_room(catalog)
        require_room(node.name, needs, limits, lambda: self._describe_remedy(catalog))
        if sum_up(needs) >= GB:
            free = measure_free(max(needs, key=lambda need: need.n_bytes).folder)
            logger.info("%s writes up to %s; %.1f GB are free", node.name, describe_needs(needs), free / GB)

    def _make_room(self, catalog: DataCatalog) -> None:
        """Delete what may go; where that cannot be found out, the numbers of what is missing are told all the same."""
        try:
            delete_remakeable(self._parameters, catalog)
        except (InputError, DatasetError) as error:
            logger.warning("nothing was deleted for room: %s", " ".join(str(error).split())[:300])

    def _describe_remedy(self, catalog: DataCatalog) -> str:
        """Say what could be pruned, whatever goes wrong with finding that out."""
        from podium.pipelines.prune.nodes import summarize

        assert self._context is not None
        env = f" --env {self._context.env}" if self._context.env else ""
        command = f"kedro run{env} --pipeline prune"
        try:
            found = list_prunable(self._parameters, catalog)
        except Exception as error:  # a damaged file must not hide that there is no room
            logger.warning("what may go could not be listed: %s", " ".join(str(error).split())[:300])
            return f"{command} lists what may go"
        if not found:
            return (
                "nothing is superseded; delete something there, raise disk.quota_gb (PODIUM_QUOTA_GB) where that is "
                "the limit, or name a larger disk as data_root in globals.yml"
            )
        return f"{command} --params prune.delete=true makes room: {summarize(found)}"


def predict_node(node: Node, catalog: DataCatalog, inputs: Mapping[str, Any], tracking_dir: Path | None) -> list[Need]:
    """Say what a node will write: stores, surveys and folds by what they are made of, other files by their last size.

    Args:
        node: Which is about to run.
        catalog: Where its outputs go.
        inputs: What it is given, by dataset.
        tracking_dir: Where this machine keeps what MLflow is told; None where a server does.
    """
    predict = PREDICTORS.get(node.name)
    needs = [] if predict is None else predict(name_arguments(node, inputs), catalog, tracking_dir)
    for name in node.outputs:
        needs += _predict_output(name, catalog.get(name), tracking_dir)
    return needs


def name_arguments(node: Node, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a node reads the names of its function's arguments: datasets have other names in other pipelines."""
    return dict(zip(inspect.signature(node.func).parameters, (inputs[name] for name in node.inputs), strict=False))


def _predict_output(name: str, dataset: Any, tracking_dir: Path | None) -> list[Need]:
    """Say what saving a file takes: half as much again as the last time, and the same in MLflow if it goes there."""
    path = getattr(dataset, "_filepath", None)
    if path is None:
        return []
    last = Path(str(path))
    if getattr(dataset, "_version", None):
        last = max(last.glob(f"*/{last.name}"), default=last)
    n_bytes = max(round(GROWTH * last.stat().st_size) if last.is_file() else 0, LEAST_OUTPUT_BYTES)
    needs = [Need(name, Path(str(path)).parent, n_bytes)]
    if tracking_dir is not None and (getattr(dataset, "metadata", None) or {}).get("mlflow") == "artifact":
        needs.append(Need(f"{name} in MLflow's files", tracking_dir, n_bytes))
    return needs


def find_tracking_dir(context: KedroContext) -> Path | None:
    """Return the folder into which MLflow copies artifacts on this machine; None where they go to a server."""
    return Path(context.project_path) / "mlruns" if is_local(read_tracking_uri(context.config_loader)) else None


def _predict_ingestion(arguments: Arguments, catalog: DataCatalog, tracking_dir: Path | None) -> list[Need]:
    from podium.vision.input_spec import InputSpec

    ingestion = IngestionConfig.model_validate(arguments["ingestion"])
    spec = InputSpec.from_dict(arguments["input_spec"])
    images = arguments["listing"].images if "listing" in arguments else arguments["images"]
    return predict_image_store(
        ingestion.store_dir / spec.preparation,
        Path(arguments["competition"].root),
        images["path"],
        spec,
        ingestion.max_pixels,
    )


def _predict_survey(arguments: Arguments, catalog: DataCatalog, tracking_dir: Path | None) -> list[Need]:
    from podium.pipelines.survey.nodes import find_survey

    ingestion = IngestionConfig.model_validate(arguments["ingestion"])
    survey = SurveyConfig.model_validate(arguments["survey"])
    return predict_survey(find_survey(arguments["competition_name"], ingestion, survey), arguments["images"])


def _predict_training(arguments: Arguments, catalog: DataCatalog, tracking_dir: Path | None) -> list[Need]:
    import numpy as np

    from podium.pipelines.training.folds import number_values
    from podium.vision.footprint import measure_footprint
    from podium.vision.input_spec import InputSpec

    recipe, member, classes = arguments["recipe"], arguments["member"], arguments["classes"]
    folder = TrainingConfig.model_validate(arguments["training"]).checkpoint_dir / member["name"]
    open_folds = [k for k in member["folds"] if f"{member['name']}/fold_{k}" not in arguments["finished_folds"]]
    folds = FoldsToTrain(
        checkpoint_dirs=tuple(folder / f"fold_{fold}" / "checkpoints" for fold in open_folds),
        weights_dir=_find_root(catalog, "weights") / member["name"],
        tables_dir=_find_root(catalog, "oof") / member["name"],
        tracking_dir=tracking_dir,
        trains=recipe.trains,
        n_images=len(arguments["images"]),
        n_classes=len(classes),
        n_epochs=recipe.epochs,
    )
    values = list(number_values(classes, arguments["attributes"]).values())
    class_values = np.stack(values, axis=1) if values else np.arange(len(classes))[:, None]
    spec = InputSpec.from_dict(arguments["input_spec"])
    return predict_training(folds, measure_footprint(recipe, spec, len(classes), class_values))


def _find_root(catalog: DataCatalog, name: str) -> Path:
    """Return the folder of a partitioned dataset."""
    return Path(str(getattr(catalog.get(name), "_path")))  # noqa: B009  (datasets have no such attribute for mypy)


def _predict_report(arguments: Arguments, catalog: DataCatalog, tracking_dir: Path | None) -> list[Need]:
    n_bytes = sum(map(len, arguments["shown_images"].thumbnails))
    folder = Path(str(getattr(catalog.get("report_page"), "_filepath"))).parent  # noqa: B009
    return [Need("pictures of the report", folder, n_bytes * 4 // 3)]  # base64


PREDICTORS: dict[str, Callable[[Arguments, DataCatalog, Path | None], list[Need]]] = {
    "ingestion.ingest_images": _predict_ingestion,
    "ingestion.fill_store": _predict_ingestion,
    "survey.survey_images": _predict_survey,
    "training.train_folds": _predict_training,
    "report.write_report": _predict_report,
}
"""Nodes whose files are large, or grow with what they are made of."""


def list_prunable(parameters: Mapping[str, Any], catalog: DataCatalog) -> list[Superseded]:
    """List what the prune pipeline would list now."""
    from podium.pipelines.prune.places import find_places, find_wanted, list_all

    competition = parameters["competition"]
    places = find_places(
        competition,
        parameters["competitions"][competition]["root"],
        DiskConfig.model_validate(parameters["disk"]).data_root,
        IngestionConfig.model_validate(parameters["ingestion"]),
        SurveyConfig.model_validate(parameters.get("survey", {})),
        TrainingConfig.model_validate(parameters["training"]),
    )
    wanted = find_wanted(parameters["recipes"], catalog.load("known_images"), catalog.load("known_folds"))
    return list_all(places, wanted, PruneConfig.model_validate(parameters.get("prune", {})))


def delete_remakeable(parameters: Mapping[str, Any], catalog: DataCatalog) -> None:
    """Delete what is superseded but old versions, each told, since nobody was asked."""
    from podium.pipelines.prune.nodes import delete

    for item in list_prunable(parameters, catalog):
        if item.rule != "versions" and delete(item, catalog.load("known_images")):
            logger.warning("deleted for room (disk.prune_when_short): %s: %s", item.path, item.reason)
