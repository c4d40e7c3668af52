"""Wiring of the sweep pipelines."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.sweep.nodes import plan_sweep, read_queue, show_sweep, tabulate_sweep, work_off

PLOTS = [f"sweep_{what}_{kind}" for what in ("effects", "importances", "history") for kind in ("plot", "picture")]


def create_pipeline() -> Pipeline:
    """Prepared images and folds → trials trained, and how the sweep stands."""
    machine = ["params:sweep_storage", "params:sweep_log_dir", "params:sweep_again"]
    work = Node(work_off, ["sweep_plan", "run_origin", *machine], "sweep_records", name="work_off")
    return _name([_make_planning(), work, *_make_telling()])


def create_results_pipeline() -> Pipeline:
    """Images and folds → how the sweep stands, at any time; trains nothing."""
    read = Node(read_queue, ["sweep_plan", "run_origin", "params:sweep_storage"], "sweep_records", name="read_queue")
    return _name([_make_planning(), read, *_make_telling()])


def _make_planning() -> Node:
    chosen = ["sweep", "sweeps", "recipes", "policies", "competition", "competitions", "splitting"]
    return Node(
        plan_sweep, [*(f"params:{name}" for name in chosen), "images", "folds"], "sweep_plan", name="plan_sweep"
    )


def _make_telling() -> list[Node]:
    tables = ["sweep_trials", "sweep_effects", "sweep_importances", "sweep_recipes"]
    return [
        Node(tabulate_sweep, ["sweep_plan", "sweep_records"], {name: name for name in tables}, name="tabulate_sweep"),
        Node(
            show_sweep,
            ["sweep_plan", "sweep_records", *tables[:3]],
            {name: name for name in PLOTS},
            name="show_sweep",
        ),
    ]


def _name(nodes: list[Node]) -> Pipeline:
    return Pipeline(nodes, namespace="sweep", prefix_datasets_with_namespace=False)
