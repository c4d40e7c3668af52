"""Parameters of the backup."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

SEPARATORS = ("/", "\\")


class BackupConfig(BaseModel):
    """What is mirrored, where to, and how patiently.

    Attributes:
        url: Folder of any store that fsspec knows: ``s3://bucket/folder``, ``sftp://user@host/folder``, a mounted
            folder; None switches backups off.
        name: Of this workspace: a folder below ``url``, which one machine at a time writes.
        credentials: Key in credentials.yml under which options of the store stand; None leaves them to the environment.
        data_dir: The folder of all data.
        project_dir: The project's folder.
        folders: Folders and files below ``data_dir``, the most precious first.
        project_files: Files and folders below ``project_dir``.
        exclude: Patterns of paths, as ``data/06_models/old/*``, that are left out of those.
        interval_s: The least time between two looks at the folders, in seconds.
        finish_s: How long the end of a run waits for what is not mirrored yet, in seconds.
        niceness: How far it stands back from everything else on the machine, 0 to 19; 19 gets a core's 60th part where
            others want all of it.
        keep_last: So many newest versions are kept.
        keep_days: Of so many days, the last version is kept too.
    """

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    name: str = Field("podium", min_length=1)
    credentials: str | None = None
    data_dir: Path = Path("data")
    project_dir: Path = Path(".")
    folders: tuple[str, ...] = (
        "06_models", "07_model_output", "05_model_input", "03_primary", "08_reporting", "04_feature",
        "sweeps.db", "weights", "01_raw",
    )  # fmt: skip
    project_files: tuple[str, ...] = ("conf/local", "mlflow.db", "mlruns")
    exclude: tuple[str, ...] = ()
    interval_s: float = Field(5.0, gt=0.0)
    finish_s: float = Field(900.0, ge=0.0)
    niceness: int = Field(19, ge=0, le=19)
    keep_last: int = Field(3, ge=1)
    keep_days: int = Field(7, ge=0)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if any(letter in name for letter in SEPARATORS) or name.startswith("."):
            raise ValueError(f"a name of one folder, without / and a first dot (got {name!r})")
        return name

    @field_validator("folders", "project_files")
    @classmethod
    def _check_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [path for path in paths if not is_plain_path(path)]
        if wrong:
            raise ValueError(f"relative paths without '..' and a first dot (got {', '.join(map(repr, wrong))})")
        return paths


def is_plain_path(path: str) -> bool:
    """Say whether a path leads downwards, by names that the backup takes: none is empty or begins with a dot."""
    parts = path.split("/")
    return "\0" not in path and "\\" not in path and all(part and not part.startswith(".") for part in parts)
