from benchmarks.harness import Bench
from benchmarks.options import Options


def define(options: Options) -> list[Bench]:
    return []
