"""Wiring of the restore pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.restore.nodes import restore_workspace


def create_pipeline() -> Pipeline:
    """A backup → the files of the workspace."""
    return Pipeline(
        [
            Node(
                restore_workspace,
                ["params:backup", "params:restore", "backup_options"],
                "restored",
                name="restore_workspace",
            )
        ],
        namespace="restore",
        prefix_datasets_with_namespace=False,
    )
