"""Make the bucket that MLFLOW_ARTIFACTS_DESTINATION names, unless it is there; what to reach it with is in AWS_*."""

import os
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError


def make_bucket(destination: str, endpoint_url: str | None) -> None:
    """Make a bucket.

    Args:
        destination: As in ``s3://mlflow/artifacts``.
        endpoint_url: Of the store; None is Amazon's.
    """
    name = urlsplit(destination).netloc
    client = boto3.client("s3", endpoint_url=endpoint_url)
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        client.create_bucket(Bucket=name)


if __name__ == "__main__":
    make_bucket(os.environ["MLFLOW_ARTIFACTS_DESTINATION"], os.environ.get("MLFLOW_S3_ENDPOINT_URL"))
