"""The database tests run on: one embedded server a session, migrated once into a template.

`db` is a transaction that is rolled back; `clone_url` is a database of its own, cloned from the
template, for tests that commit, open two sessions or run the service. `MAGRAY_TEST_DATABASE_URL`
hands in another PostgreSQL 18 (a superuser login) instead of the embedded one.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.core.embedded import EmbeddedServer
from service.core.migrate import Model, migrate
from tests.memory_disk import fast_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["tests.clock"]

TEMPLATE = "magray_template"
SERVER = "MAGRAY_TEST_DATABASE_URL"
# Small vectors keep tests readable; the dimension is the model's, not a constant.
MODEL, DIM = "test-model", 8
# What the server does in the background belongs to no test: a vacuum that comes by itself changes
# bytes between two measurements, and visits hundreds of databases in turn.
OPTIONS = {"autovacuum": "off", "summarize_wal": "off"}


def pytest_xdist_auto_num_workers() -> int:
    """Two more than cores: some tests wait, for a lock, a clock or a server that starts."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """URL of a server for this session, database postgres."""
    given = os.environ.get(SERVER)
    if given:
        yield given
        return
    # pytest's own folders are private to root, and the server runs as another user
    with tempfile.TemporaryDirectory(prefix="magray-tests-", dir=fast_place()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedServer(
            folder / "data",
            memory=1 << 30,
            durable=False,
            system_dir=folder / "system",
            options=OPTIONS,
        )
        server.start()
        try:
            yield server.url(dbname="postgres")
        finally:
            server.stop("immediate", force=True)  # nothing of it is kept


def database_url(server_url: str, name: str) -> str:
    """The same server, another database, as a URL."""
    parts = psycopg.conninfo.conninfo_to_dict(server_url)
    user, host = parts.pop("user"), parts.pop("host")
    query = "&".join(f"{key}={value}" for key, value in parts.items() if key != "dbname")
    return f"postgresql://{user}@/{name}?host={host}&{query}"


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """Name of a migrated database with partitions and the test model, to be cloned."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"drop database if exists {TEMPLATE}")
        connection.execute(f"create database {TEMPLATE}")
    from tests import clock  # a plugin, not to be imported before pytest does

    url = database_url(server_url, TEMPLATE)
    migrate(url, Model(name=MODEL, dim=DIM))
    with psycopg.connect(url) as connection:
        connection.execute(
            "select memory.make_partitions(coalesce(%s::timestamptz, now()))", (clock.moved_to,)
        )
    return TEMPLATE


@pytest.fixture(scope="session")
def clone(server_url: str, template: str) -> Iterator[Callable[[], str]]:
    """Make a database from the template; returns its URL. It lasts as long as the session."""
    made: list[str] = []

    def make() -> str:
        made.append(_copy(server_url, template))
        return made[-1]

    yield make
    if os.environ.get(SERVER):  # the embedded server goes as a whole
        for url in made:
            _drop(server_url, url)


@pytest.fixture
def clone_url(server_url: str, template: str) -> Iterator[str]:
    """A database of this test's own."""
    url = _copy(server_url, template)
    yield url
    _drop(server_url, url)


def _copy(server_url: str, template: str) -> str:
    name = f"magray_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return database_url(server_url, name)


def _drop(server_url: str, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(str(name)))
        )


@pytest.fixture(scope="session")
def shared_url(clone: Callable[[], str]) -> str:
    """A database the rolled-back tests share: nothing is ever committed in it."""
    return clone()


@pytest.fixture
def db(shared_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection inside a transaction that is rolled back."""
    with psycopg.connect(shared_url) as connection:
        register_vector(connection)
        yield connection
        connection.rollback()


@pytest.fixture
def app_db(shared_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the service has it, role memory_app, in a transaction rolled back."""
    conninfo = make_conninfo(shared_url, options="-c role=memory_app")
    with psycopg.connect(conninfo) as connection:
        register_vector(connection)
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip without it."""
    folder = Path(
        os.environ.get("MAGRAY_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")
    )
    if not (folder / "locomo").is_dir():
        pytest.skip(f"no data at {folder}; set MAGRAY_TEST_DATA")
    return folder.resolve()
