"""A team's run on the real server: what arrives, what is registered, and what the registered model answers."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from conftest import ROOT, Project
from services.object_store import ObjectStore
from services.postgres import Postgres, find_free_port
from services.tracking_server import TrackingServer
from written_secrets import Written, find_secrets, read_bucket, read_database, read_folder, unfold, watch_command_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {
    "competitions": {"demo": {"draw": {"n_people": 10, "n_test_people": 3, "image_size_px": [40, 40]}}},
    "recipes": {
        "작은": {
            "based_on": "baseline",
            "model": {"backbone": "test_resnet"},
            "input": {"size_px": [32, 32]},
            "epochs": 4,
            "batch_size": 8,
        }
    },
    "recipe": "작은",
    "sweeps": {"밤": {"kind": "recipes", "recipes": ["작은"], "folds": [0]}},
    "splitting": {"n_folds": 2},
    "training": {"num_workers": 0, "progress": False},
    "ensemble": {"n_draws": 100},
}

# With letters that URLs and base64 write otherwise.
SECRETS = {
    "password of tracking": "Tr4ck+me/With=%Signs",
    "password of sweeps": "Sw33p@per/+ 비밀번호",
    "key of backups": "b4ckup+K3y/With=Signs&more",
}

# Runs where the project is nowhere to be found; what it needs comes from the registry.
ANSWERS = """
import importlib.util, json, pathlib, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path = [folder for folder in sys.path if not (pathlib.Path(folder) / "podium").is_dir()]
assert importlib.util.find_spec("podium") is None
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
files = [pathlib.Path(line).read_bytes() for line in sys.stdin.read().splitlines()]
print(json.dumps(model.predict(pandas.DataFrame({"image": files}))["target"].tolist()))
"""


@dataclass(frozen=True)
class TeamRun:
    """What a member of the team did, with a backup: the whole chain, then a sweep and register.

    Attributes:
        project: Where.
        environment: That lets the member in.
        trained: The run of the chain.
        output: What both commands printed.
        command_lines: Of all processes meanwhile.
        temporary: Folder that both had for temporary files.
        backup: Bucket of the backup.
    """

    project: Project
    environment: dict[str, str]
    trained: Run
    output: str
    command_lines: list[Written]
    temporary: Path
    backup: str

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.environment["MLFLOW_TRACKING_URI"])

    def read_submission(self) -> pd.DataFrame:
        return pd.read_csv(self.project.find_one("07_model_output/demo/submission.csv/*/submission.csv"))

    def list_test_files(self) -> list[Path]:
        folder = self.project.folder / "data/01_raw/demo/eval/images"
        return [folder / name for name in self.read_submission()["ImageID"]]


@pytest.fixture(scope="module")
def team_run(
    tracking_server: TrackingServer, postgres: Postgres, object_store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TeamRun]:  # fmt: skip
    folder = tmp_path_factory.mktemp("팀") / "프로젝트"
    folder.mkdir()
    project = Project(folder)
    project.lay_out()
    backup = object_store.make_bucket("team-backup")
    project.configure(**SMALL, backup={"url": f"{backup}/copies", "credentials": "store", "interval_s": 0.5})
    store = {
        "key": "backup-key", "secret": SECRETS["key of backups"], "endpoint_url": object_store.endpoint_url,
        "client_kwargs": {"region_name": "us-east-1"},
    }  # fmt: skip
    local = {"mlflow": {"server": {"mlflow_tracking_uri": tracking_server.url}}, "credentials": {"store": store}}
    for name, content in local.items():
        (folder / "conf" / "local" / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    make_repository(folder)
    environment = tracking_server.add_user("minji", SECRETS["password of tracking"])
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    others = {
        "PODIUM_SWEEP_STORAGE": postgres.add_user("sweeper", SECRETS["password of sweeps"], "sweeps"),
        "TMPDIR": str(temporary),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with watch_command_lines() as command_lines:
            done = project.run("--params", "recipes.작은.optimizer.lr=0.005", **others)
            client = MlflowClient(tracking_server.url)
            runs = client.search_runs([client.get_experiment_by_name("demo").experiment_id])
            (trained,) = [run for run in runs if run.data.params]
            again = project.run(
                "--pipelines", "sweep,register", "--params", "sweep=밤,recipes.작은.optimizer.lr=0.005", **others
            )
        output = "".join([done.stdout, done.stderr, again.stdout, again.stderr])
        yield TeamRun(project, environment, trained, output, command_lines, temporary, backup.removeprefix("s3://"))


def make_repository(folder: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (folder / ".gitignore").write_text("data/\nconf/local/\n", encoding="utf-8")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    with open(folder / "conf" / "README.md", "a", encoding="utf-8") as file:
        file.write("아직 커밋하지 않은 줄\n")


def test_recipe_curves_digests_machine_and_differences_of_a_run_arrive(team_run: TeamRun) -> None:
    data, run_id = team_run.trained.data, team_run.trained.info.run_id
    assert team_run.trained.info.status == "FINISHED"
    assert data.params["recipe.optimizer.lr"] == "0.005"
    for fold in (0, 1):
        points = team_run.client.get_metric_history(run_id, f"fold_{fold}/val_macro_f1")
        assert [point.step for point in points] == [0, 1, 2, 3]
    assert {"folds.split_digest", "member.split_digest", "member.content_digest", "machine.cores"} <= set(data.tags)
    assert "splitting.n_folds: 2 instead of 3" in data.tags["differences.parameters"]
    assert "optimizer.lr: 0.005 instead of 0.001" in data.tags["differences.recipe"]
    assert "splitting.n_folds: 2 instead of 3" in team_run.output
    assert "recipe 작은 differs from the defaults of recipes" in team_run.output
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=team_run.project.folder, capture_output=True, text=True, check=True
    )
    assert data.tags["mlflow.source.git.commit"] == commit.stdout.strip()


def test_plots_weights_recipe_and_uncommitted_changes_lie_in_the_bucket(
    team_run: TeamRun, object_store: ObjectStore, tracking_server: TrackingServer
) -> None:
    run_id = team_run.trained.info.run_id
    listed = object_store.make_client().list_objects_v2(Bucket=tracking_server.bucket)
    keys = {entry["Key"].partition(f"{run_id}/artifacts/")[2]: entry["Key"] for entry in listed["Contents"]}
    names = {Path(key).name for key in keys}
    assert {"confusion.png", "contact_sheet.png", "class_scores.csv", "submission.csv", "recipe.yml"} <= names
    member = team_run.trained.data.tags["member.name"]
    for fold in (0, 1):
        key = keys[f"weights/{member}/fold_{fold}/weights.safetensors"]
        stored = object_store.make_client().get_object(Bucket=tracking_server.bucket, Key=key)["Body"].read()
        assert (
            stored == team_run.project.find_one(f"06_models/demo/{member}/fold_{fold}/weights.safetensors").read_bytes()
        )
    diff = object_store.make_client().get_object(Bucket=tracking_server.bucket, Key=keys["uncommitted.diff"])
    assert "+아직 커밋하지 않은 줄" in diff["Body"].read().decode()


def test_no_secret_is_written_or_told_anywhere(
    team_run: TeamRun, object_store: ObjectStore, tracking_server: TrackingServer, postgres: Postgres
) -> None:
    folder, client = team_run.project.folder, object_store.make_client()
    credentials = folder / "conf" / "local" / "credentials.yml"
    places = {  # by what surely stands there, which shows that it is read
        "작은": [
            ("project", read_folder(folder, lambda path: path == credentials)),
            ("files in MLflow", read_bucket(client, tracking_server.bucket)),
            ("MLflow's database", read_database(postgres.describe("mlflow"))),
            ("queue of the sweep", read_database(postgres.describe("sweeps"))),
            ("backup", read_bucket(client, team_run.backup)),
            ("output", [("output", team_run.output.encode())]),
        ],
        "scrypt:": [("MLflow's users", read_database(postgres.describe("mlflow_auth")))],
        "podium.backup": [("command lines", team_run.command_lines)],
        "": [("temporary files", read_folder(team_run.temporary))],
    }
    secrets = {**SECRETS, "password of databases": postgres.password, "password of the admin": tracking_server.admin[1]}
    for mark, group in places.items():
        for place, written in group:
            read = list(written)
            assert not mark or find_secrets(read, {"mark": mark}), f"{place}: nothing of the run stands there"
            assert find_secrets(read, secrets) == [], place
    assert "1 trials, 1 finished" in team_run.output, "the sweep has to have been at work"
    assert [name for name, _ in unfold(read_bucket(client, team_run.backup)) if name.endswith("(bundle)")]


def test_registered_version_has_the_alias_scores_and_digests(team_run: TeamRun) -> None:
    version = team_run.client.get_model_version_by_alias("demo", "champion")
    scores = json.loads(team_run.project.find_one("08_reporting/demo/ensemble_scores.json/*/*.json").read_text())
    assert version.version == "1"
    assert version.tags["what"] == "ensemble"
    assert float(version.tags["oof_macro_f1"]) == pytest.approx(scores["nested"]["macro_f1"], abs=1e-6)
    assert version.tags["split_digest"] == team_run.trained.data.tags["member.split_digest"]
    assert re.search(r"작은-\w+ \(1\.000\)", version.tags["members"])
    written = json.loads(team_run.project.find_one("06_models/demo/registered_model.json/*/*.json").read_text())
    assert (written["uri"], written["run_id"]) == ("models:/demo/1", version.run_id)


def test_champion_answers_as_the_submission_does_where_nothing_of_the_project_is(
    team_run: TeamRun, tmp_path: Path
) -> None:
    files = "\n".join(map(str, team_run.list_test_files()))
    done = subprocess.run(
        [sys.executable, "-I", "-c", ANSWERS, "models:/demo@champion"], input=files, cwd=tmp_path,
        env={**os.environ, **team_run.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = team_run.read_submission()["ans"].tolist()
    assert len(set(expected)) > 1, "a model that always says the same proves nothing"
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_served_model_answers_pictures_over_http_and_names_those_it_cannot_read(team_run: TeamRun) -> None:
    packed, port = team_run.project.folder / "data/06_models/demo/packed", find_free_port()
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as in an activated environment
    place = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(packed), "--env-manager", "local", *place],
        env={**os.environ, **team_run.environment, "PATH": programs}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process)
        files, expected = team_run.list_test_files()[:5], team_run.read_submission()["ans"].tolist()[:5]
        answers = ask(port, [file.read_bytes() for file in files])
        assert [row["target"] for row in answers.json()["predictions"]] == expected
        refused = ask(port, [files[0].read_bytes(), b"no picture"])
        assert refused.status_code == 400
        assert "image 1: not an image" in refused.text
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the model's server ended"
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail("the model is not served")


def ask(port: int, files: list[bytes]) -> requests.Response:
    rows = [[base64.b64encode(data).decode()] for data in files]
    asked = {"dataframe_split": {"columns": ["image"], "data": rows}}
    return requests.post(f"http://127.0.0.1:{port}/invocations", json=asked, timeout=60)


# Tells a run of its own, from a main thread and three others, while another process does the same.
TELLS = """
import sys, threading
from podium.tracking import TrackedRun, log_epoch, set_current_run, tell
from podium.tracking_calls import connect, find_experiment
from types import SimpleNamespace
uri, mark, folder = sys.argv[1:]
made = SimpleNamespace(artifact_location=folder or None, tags=None)
options = SimpleNamespace(name="side by side", restore_if_deleted=True, create_experiment_kwargs=made)
def begin():
    client = connect(uri)
    return client, client.create_run(find_experiment(client, options), tags={"mark": mark}).info.run_id
run = TrackedRun(begin)
run.wait_for_answer(150)
set_current_run(run)
def work(fold):
    for epoch in range(10):
        log_epoch(fold, {"epoch": epoch, "mark": float(mark)})
    tell(lambda client, run_id: client.log_text(run_id, mark, f"fold_{fold}.txt"))
threads = [threading.Thread(target=work, args=(fold,)) for fold in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
run.end("FINISHED")
"""


@pytest.mark.parametrize("kind", ["a new file", "the team's server"])
def test_two_processes_with_threads_at_once_tell_each_of_its_own_run(
    kind: str, tracking_server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = tracking_server.add_user("jiho") if kind == "the team's server" else {}
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    uri = user.get("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TELLS, uri, mark, "" if user else str(tmp_path / "artifacts")], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for mark in ("1", "2")
    ]  # fmt: skip
    for process in processes:
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("side by side").experiment_id])
    assert sorted(run.data.tags["mark"] for run in runs) == ["1", "2"]
    for run in runs:
        mark = run.data.tags["mark"]
        assert run.info.status == "FINISHED"
        for fold in range(3):
            points = client.get_metric_history(run.info.run_id, f"fold_{fold}/mark")
            assert [(point.step, point.value) for point in points] == [(epoch, float(mark)) for epoch in range(10)]
            text = Path(client.download_artifacts(run.info.run_id, f"fold_{fold}.txt", str(tmp_path)))
            assert text.read_text(encoding="utf-8") == mark
