"""Nothing phones home: what the parts of Podium would tell or ask others about themselves is switched off here."""

import os
import sys

# Read by the libraries when they are imported, so this module comes first; child processes inherit them.
SILENT = {
    "DO_NOT_TRACK": "true",
    "KEDRO_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "NO_ALBUMENTATIONS_UPDATE": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def silence_libraries() -> None:
    """Switch off usage reports and update checks of everything that is imported from here on."""
    os.environ.update(SILENT)


def silence_viz() -> None:
    """Keep Kedro-Viz from asking a package registry for its newest version at every start.

    It has no setting for that, and on a machine behind a firewall the question takes half a minute. It is told that
    it is up to date.
    """
    from kedro_viz import __version__
    from kedro_viz.integrations import pypi
    from packaging.version import parse

    pypi.get_latest_version = lambda: parse(__version__)
    answering = sys.modules.get("kedro_viz.api.rest.responses.version")  # holds the function under its own name
    if answering is not None:
        answering.get_latest_version = pypi.get_latest_version  # type: ignore[attr-defined]
