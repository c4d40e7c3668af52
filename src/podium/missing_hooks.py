"""What a run needs and nobody made yet is named once it fails for want of it, with the command that makes it."""

from collections.abc import Iterator, Mapping

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline


class MissingHooks:
    """Add a note to an error of the catalog for each table that is not there; see :func:`podium.cli.describe_error`."""

    @hook_impl
    def on_pipeline_error(self, error: Exception, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if isinstance(error, DatasetError):
            for line in name_missing(pipeline, catalog, pipelines):
                error.add_note(line)


def name_missing(pipeline: Pipeline, catalog: DataCatalog, known: Mapping[str, Pipeline]) -> Iterator[str]:
    """Name what a pipeline reads and that is not there, sorted, each with the command that makes it.

    Args:
        pipeline: That ran.
        catalog: Where its inputs are.
        known: All pipelines, by name; of those that make something, the shortest is named.
    """
    shortest_first = sorted(known, key=lambda name: (len(known[name].nodes), name))
    for missing in sorted(name for name in pipeline.inputs() if not name.startswith("params:")):
        if missing in catalog and catalog.exists(missing):
            continue
        makers = (name for name in shortest_first if missing in known[name].all_outputs())
        if (maker := next(makers, None)) is not None:
            yield f"{missing} is not there yet: kedro run --pipeline {maker} makes it"
