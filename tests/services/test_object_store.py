"""The S3 store of the test session keeps what it is given, for whoever has its environment."""

import subprocess
import sys

from services.object_store import ObjectStore

WRITE_AND_READ = """
import s3fs
files = s3fs.S3FileSystem()
files.pipe_file("s3fs-writes/가/나.txt", b"content")
print(files.cat_file("s3fs-writes/가/나.txt").decode())
"""


def test_boto3_and_s3fs_find_it_through_the_environment(object_store: ObjectStore) -> None:
    object_store.make_bucket("s3fs-writes")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_AND_READ], env={"PATH": "", **object_store.environment}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "content\n"
    listed = object_store.make_client().list_objects_v2(Bucket="s3fs-writes")["Contents"]
    assert [item["Key"] for item in listed] == ["가/나.txt"]


def test_it_listens_on_loopback_alone(object_store: ObjectStore) -> None:
    assert object_store.endpoint_url.startswith("http://127.0.0.1:")
