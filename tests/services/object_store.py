"""An S3 store on loopback, by moto in server mode, for one test session."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

# It ends when its standard input does, so that it outlives no test session, however that ends.
SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
ACCESS_KEY, SECRET_KEY, REGION = "podium-tests", "podium-tests-secret", "us-east-1"


@dataclass(frozen=True)
class ObjectStore:
    """A running S3 store.

    Attributes:
        endpoint_url: Its address.
        environment: What boto3, s3fs and everything on top of them reads: put it into the environment of whatever is to
            use the store.
    """

    endpoint_url: str
    environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        environment = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "none",  # nobody's own settings
            "AWS_SHARED_CREDENTIALS_FILE": "none",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint_url,
        }
        object.__setattr__(self, "environment", environment)

    def make_client(self):  # type: ignore[no-untyped-def]
        """Make a client of boto3 for S3."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.endpoint_url, region_name=REGION,
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        )  # fmt: skip

    def make_bucket(self, name: str) -> str:
        """Make a bucket, and return its URL ``s3://<name>``."""
        self.make_client().create_bucket(Bucket=name)
        return f"s3://{name}"


@contextmanager
def serve_objects() -> Iterator[ObjectStore]:
    """Run a store on a free port of loopback; what it held is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port.isdigit():
                raise RuntimeError(f"the S3 store did not start: {port!r}")
            yield ObjectStore(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An S3 store for the whole session; each test makes buckets of its own."""
    pytest.importorskip("moto.server", reason="moto[server], of the extra 'test', is not installed")
    with serve_objects() as store:
        yield store
