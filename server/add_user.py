"""Add a member of the team to the tracking server: ``python server/add_user.py minji`` asks for a password.

MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are those of the admin.
"""

import getpass
import os
import sys

from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client

SHORTEST = 12
"""Letters of a password; the server refuses fewer."""


def add_user(name: str, password: str) -> None:
    """Add a member.

    Args:
        name, password: In ASCII, which is what the server reads.

    Raises:
        ValueError: They have other letters or too few, or there is such a member.
        MlflowException: The server is away, or takes the admin's name and password for wrong.
    """
    if not (name.isascii() and password.isascii()):
        raise ValueError("MLflow's server reads names and passwords in ASCII alone")
    if len(password) < SHORTEST:
        raise ValueError(f"a password of {len(password)} letters; {SHORTEST} are the least")
    client = get_app_client("basic-auth", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    if is_known(client, name):  # else the server's answer would show the digest of the password
        raise ValueError(f"there is a member {name} already; update_user_password of MLflow's client changes passwords")
    client.create_user(name, password)


def is_known(client, name: str) -> bool:  # type: ignore[no-untyped-def]
    """Say whether there is such a member."""
    try:
        client.get_user(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


if __name__ == "__main__":
    missing = [name for name in ("URI", "USERNAME", "PASSWORD") if not os.environ.get(f"MLFLOW_TRACKING_{name}")]
    if missing or len(sys.argv) != 2:
        sys.exit("\n".join([__doc__.strip(), *(f"MLFLOW_TRACKING_{name} is not set" for name in missing)]))
    try:
        add_user(sys.argv[1], getpass.getpass(f"password of {sys.argv[1]}: "))
    except (ValueError, MlflowException) as error:
        sys.exit(f"not added: {error}")
