"""Project settings; see the Kedro documentation on ``settings.py``."""

from omegaconf.resolvers import oc

from podium.hooks import ParameterHooks, ResultHooks, TrackingHooks
from podium.quiet import silence_viz

silence_viz()

# TrackingHooks are the plugin's own hooks with a different idea of parameters; both at once would log everything twice.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)
HOOKS = (ParameterHooks(), TrackingHooks(), ResultHooks())

# "soft" lets another environment, or --params, change one leaf and keep its neighbours.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "custom_resolvers": {"oc.env": oc.env},  # so that conf/server takes addresses from the environment
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft"},
}
