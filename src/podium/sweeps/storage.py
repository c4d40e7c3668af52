"""The database that keeps a sweep's queue: SQLite on a laptop, PostgreSQL for several machines."""

import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from podium.digests import digest_values
from podium.errors import InputError
from podium.secrets import has_password, hide_password

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

STORAGE_VARIABLE = "PODIUM_SWEEP_STORAGE"

Result = TypeVar("Result")

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql+psycopg://"
_LOCK_TIMEOUT_S = 120
_POSTGRESQL_OPTIONS = (
    # A machine that vanishes while it holds the lock must not hold it for the two hours that TCP would give it.
    "-c idle_in_transaction_session_timeout=30s -c lock_timeout=120s "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
_POSTGRESQL_CONNECTION: dict[str, Any] = {
    "options": _POSTGRESQL_OPTIONS,
    "connect_timeout": 15,
    # The same for a machine that loses its network: it would wait for a quarter of an hour for an answer.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def find_storage(written: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return the address of the database, as SQLAlchemy takes it.

    Args:
        written: The parameter ``sweep_storage``; the environment's ``PODIUM_SWEEP_STORAGE`` comes before it.
        folder: Where a relative file of SQLite begins: the project's folder.
        environment: This process's own when None.

    Raises:
        InputError: The address is of another kind of database, or a parameter holds a password.
    """
    environment = os.environ if environment is None else environment
    said = environment.get(STORAGE_VARIABLE) or None
    url, place = (said, STORAGE_VARIABLE) if said else (written, "sweep_storage")
    shown = hide_password(url, {})
    if said is None and has_password(url):
        case = f"sweep_storage: {shown} holds a password; put the address into the variable {STORAGE_VARIABLE}"
        raise InputError("Passwords do not belong into parameters:", [case])
    for scheme in ("postgresql://", "postgres://"):
        url = url.replace(scheme, _POSTGRESQL, 1) if url.startswith(scheme) else url
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and ":memory:" not in url:
        return f"{_SQLITE}{(folder / url.removeprefix(_SQLITE)).as_posix()}"
    if url.startswith(_POSTGRESQL):
        _refuse_unquoted(url, place)
        return url
    case = f"{place}: {shown}; write sqlite:///<file> or postgresql://<user>@<host>/<database>"
    raise InputError("A sweep's queue is kept in SQLite or PostgreSQL:", [case])


def _refuse_unquoted(url: str, place: str) -> None:
    """Refuse an address in which nobody can tell where the password ends; nothing of it is shown, for that reason.

    Raises:
        InputError: It is such a one.
    """
    if url.count("@") > 1 or any(letter.isspace() for letter in url):
        case = f"{place}: user or password hold an @ or a blank; write %40 for @, %20 for a blank, %2F for /"
        raise InputError("The address of the queue cannot be read:", [case])


class Database:
    """A database of Optuna's, and a lock in it that one process of all machines holds at a time.

    Optuna's own steps are safe one by one, but not two of them together (looking at a queue and adding to it), and on
    SQLite not even taking a trial. Whoever dies gives the lock back: it is a transaction.

    Attributes:
        url: With its password; for :func:`podium.secrets.hide_password` wherever it is shown.
    """

    def __init__(self, url: str):
        self.url = url
        self._is_sqlite = url.startswith(_SQLITE)
        if self._is_sqlite:
            Path(url.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)

    def open(self, heartbeat_s: int, grace_s: int) -> "RDBStorage":
        """Open it, with Optuna's tables; to be called under the lock, since two processes would both make them.

        Args:
            heartbeat_s: How often a worker says that it lives.
            grace_s: After so long without that it counts as dead.

        Raises:
            InputError: It cannot be reached, or another version of Optuna wrote it.
        """
        from optuna.storages import RDBStorage

        connect: dict[str, Any] = {"timeout": 60} if self._is_sqlite else _POSTGRESQL_CONNECTION
        with quiet_optuna(), naming_database(self.url):
            return RDBStorage(
                self.url,
                engine_kwargs={"connect_args": connect, "pool_pre_ping": True},
                heartbeat_interval=heartbeat_s,
                grace_period=grace_s,
            )

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Be the only process that does this, in all of a database's users."""
        with self._lock_sqlite() if self._is_sqlite else self._lock_postgresql(what):
            yield

    @contextmanager
    def _lock_sqlite(self) -> Iterator[None]:
        """Hold a transaction of a second file, so that Optuna's own connections are not shut out."""
        connection = sqlite3.connect(
            f"{self.url.removeprefix(_SQLITE)}.lock", timeout=_LOCK_TIMEOUT_S, isolation_level=None
        )
        try:
            connection.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            connection.close()

    @contextmanager
    def _lock_postgresql(self, what: str) -> Iterator[None]:
        number = int(digest_values(what), 16)  # of 48 bits; PostgreSQL takes 63
        with naming_database(self.url):
            import psycopg
            from sqlalchemy.engine import make_url

            place = make_url(self.url).translate_connect_args(username="user", database="dbname")  # read as Optuna does
            query: dict[str, Any] = {**make_url(self.url).query, **_POSTGRESQL_CONNECTION}
            connection = psycopg.connect(**place, **query)
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [number])
                yield
        finally:
            connection.close()


@contextmanager
def naming_database(url: str) -> Iterator[None]:
    """Tell of a database that cannot be reached by its address, and without its password."""
    try:
        yield
    except Exception as error:
        if not (isinstance(error, RuntimeError | ImportError) or is_passing(error)):
            raise
        message = hide_password(" ".join(str(error).split()))
        case = f"{hide_password(url, {})}: {message[:400]}"
        raise InputError("The queue of the sweep cannot be opened:", [case]) from None


def is_passing(error: BaseException) -> bool:
    """Say whether an error is the database being away or busy, which may mend itself."""
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    kinds: tuple[type[BaseException], ...] = (
        StorageInternalError,
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.InterfaceError,
        sqlite3.OperationalError,
    )
    try:
        import psycopg
    except ImportError:
        return isinstance(error, kinds)
    return isinstance(error, (*kinds, psycopg.OperationalError))


def insist(action: Callable[[], Result], for_s: float, pause_s: float = 3.0) -> Result:
    """Do something with the database, again and again while it is away.

    Args:
        action: May be done twice.
        for_s: After so long the error is raised that came last.
        pause_s: Between two tries.
    """
    began = time.monotonic()
    while True:
        try:
            return action()
        except Exception as error:
            late = time.monotonic() - began + pause_s > for_s
            unreachable = isinstance(error, InputError) or is_passing(error)
            if late or not unreachable:
                raise
        time.sleep(pause_s)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Leave out Optuna's remarks on parts that are new, and what it says of every trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
