"""One module a bench: what it measures (``define``), and the commands of its contenders (``main``)."""

from benchmarks.benches import growth, ingestion, input_path, memory, prediction, start_up, training, training_step
from benchmarks.harness import Bench
from benchmarks.options import Options

MODULES = (ingestion, input_path, training, training_step, prediction, start_up, memory, growth)


def list_benches(options: Options) -> list[Bench]:
    """Define every bench, in the order in which they run."""
    return [bench for module in MODULES for bench in module.define(options)]
