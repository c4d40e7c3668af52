"""Project settings; see the Kedro documentation on ``settings.py``."""

from omegaconf.resolvers import oc

from podium.backup_hooks import BackupHooks
from podium.disk_hooks import DiskHooks
from podium.hardware_hooks import HardwareHooks
from podium.hooks import ParameterHooks, ResultHooks, TrackingHooks
from podium.late_commands import load_mlflow_commands_late
from podium.missing_hooks import MissingHooks
from podium.quiet import silence_viz
from podium.server_hooks import ServerHooks
from podium.sweeps.hooks import SweepHooks

silence_viz()
load_mlflow_commands_late()

HOOKS = (
    ParameterHooks(), TrackingHooks(), DiskHooks(), ServerHooks(), ResultHooks(), BackupHooks(), SweepHooks(),
    MissingHooks(), HardwareHooks(),
)  # fmt: skip

# "soft" lets another environment, or --params, change one leaf and keep its neighbours.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "custom_resolvers": {"oc.env": oc.env},  # so that conf/server takes addresses from the environment
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft"},
}
