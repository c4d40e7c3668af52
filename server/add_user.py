"""Add a member of the team to the tracking server: ``python server/add_user.py minji`` asks for a password.

MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are those of the admin.
"""

import getpass
import os
import sys

from mlflow.server import get_app_client


def add_user(name: str, password: str) -> None:
    """Add a member.

    Args:
        name, password: In ASCII, which is what the server reads.

    Raises:
        ValueError: They have other letters.
    """
    if not (name.isascii() and password.isascii()):
        raise ValueError("MLflow's server reads names and passwords in ASCII alone")
    client = get_app_client("basic-auth", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    client.create_user(name, password)


if __name__ == "__main__":
    add_user(sys.argv[1], getpass.getpass(f"password of {sys.argv[1]}: "))
