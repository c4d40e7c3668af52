"""What is secret is never shown, and what is not stays readable."""

import pytest
from sqlalchemy.engine import make_url

from podium.secrets import has_password, hide_password

SECRET = "비밀-p4ss"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://team:{}@db:5432/sweeps", "postgresql+psycopg://team:***@db:5432/sweeps"),
        ("sftp://kim:{}@nas/backup", "sftp://kim:***@nas/backup"),
        ("https://kim:{}@tracking.example.org/x", "https://kim:***@tracking.example.org/x"),
        ("https://{}@tracking.example.org/x", "https://***@tracking.example.org/x"),
        ("postgresql://db/sweeps?user=team&password={}&sslmode=require",
         "postgresql://db/sweeps?user=team&password=***&sslmode=require"),
        ("host=db user=team password={} dbname=x", "host=db user=team password=*** dbname=x"),
        ("https://s3/x?X-Amz-Signature={}&part=1", "https://s3/x?X-Amz-Signature=***&part=1"),
        ("cannot reach sftp://kim:{}@nas/backup: refused", "cannot reach sftp://kim:***@nas/backup: refused"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [SECRET, "a1", "p@ss-w@rd"])
def test_password_is_hidden_and_all_else_is_shown(text: str, shown: str, secret: str) -> None:
    assert hide_password(text.format(secret), {}) == shown
    assert has_password(text.format(secret))


@pytest.mark.parametrize("password", ["a/b", "p@ss", "p@ss/w:rd", "1234/x"])
def test_password_that_sqlalchemy_takes_from_a_url_is_hidden(password: str) -> None:
    url = f"postgresql://team:{password.replace('@', '%40')}@db/sweeps"
    assert make_url(url).password == password
    assert password.replace("@", "%40") not in hide_password(url, {})


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/podium",
        "sftp://kim@nas:2222/backup",
        "sqlite:///mlflow.db",
        "http://127.0.0.1:5000/#/experiments/1",
        "/mnt/백업/podium",
        "postgresql://team@db:5432/sweeps",
    ],
)
def test_url_without_a_password_stays_as_it_is(url: str) -> None:
    assert hide_password(url, {}) == url
    assert not has_password(url)


def test_values_of_secret_variables_are_hidden_wherever_they_stand() -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "abcdefgh",
        "MLFLOW_TRACKING_PASSWORD": "abcdefghij",
        "PGPASSWORD": "short",
        "AWS_ACCESS_KEY_ID": "mlflow",  # a name, and as such in many texts
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token",
        "EDITOR": "nano-editor",
    }
    text = "abcdefghij abcdefgh short mlflow /var/token nano-editor"
    assert hide_password(text, environment) == "*** *** short mlflow /var/token nano-editor"


def test_environment_of_the_process_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert hide_password(f"signature does not match: {SECRET}") == "signature does not match: ***"
