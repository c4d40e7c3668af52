"""MLflow's database in a file, moved to another folder with the files of its runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

FILES = "mlruns"
"""Folder beside the database into which MLflow copies the files of runs, one below it for each experiment."""

_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow_files(database: Path) -> list[str]:
    """Let a database find its files where they are now.

    MLflow writes the full path of each run's files into its database. Where a project was moved, copied, or restored to
    another folder, they would not be found, and new ones be written into the old folder, of another project maybe.

    Args:
        database: A file of SQLite; nothing is done where there is none.

    Returns:
        Folders that were followed from: those whose experiments lie beside the database now, or that are gone.
    """
    here = database.resolve().parent / FILES
    if not database.exists():
        return []
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        columns = [(table, column) for table, column in _COLUMNS if _has_column(connection, table, column)]
        if _COLUMNS[0] not in columns:
            return []
        locations = [Path(row[0]) for row in connection.execute("SELECT artifact_location FROM experiments") if row[0]]
        left = sorted(
            {
                path.parent
                for path in locations
                if path.is_absolute() and path.parent.name == FILES and path.parent != here
                and ((here / path.name).exists() or not path.parent.exists())
            }
        )  # fmt: skip
        for old in left:
            for table, column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (str(here), len(str(old)) + 1, len(str(old)) + 1, f"{old}/"),
                )
    return [str(old) for old in left]


def _has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row[1] == column for row in connection.execute(f"PRAGMA table_info({table})"))
