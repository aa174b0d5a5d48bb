"""`magray migrate`: tables by Alembic, schema `memory` rebuilt from `sql/`, in one transaction.

The way through: lock and bootstrap.sql → revisions → model.sql → private views → functions →
public views → schedule.sql → grants.sql → grants.sql of each subject → digest. What fails leaves
the database as it was.

Where tables or the model stay as they are, every function and view is replaced in place and keeps
its identity: a statement that is under way when the migration commits may still call the
functions it was planned with (dropped and made anew they are gone: "cache lookup failed for
function", seen in one of some thousand calls). Otherwise, or where a signature changed, everything
is dropped first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import psycopg

from service.core.errors import SchemaError
from service.core.paths import ALEMBIC_DIR, SQL_DIR

# Alembic and SQLAlchemy are imported where they are used: a quarter of the start of every command
# went into them, and few commands migrate.
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa
    from alembic.config import Config

# Fourteen revisions, 0001 to 0014, became this one: the same tables. The id of a revision is the
# name of its file, so none is ever taken for one of those. Commit 580d9eb is the last with them.
_TABLES, _SAME_TABLES, _LAST_COMMIT = "0001_tables", "0014", "580d9eb"


@dataclass(frozen=True, kw_only=True)
class Model:
    """The embedding model whose vectors a database is to store.

    Attributes:
        name: its id, stored with every vector.
        dim: numbers in a vector.
        replace: drop vectors of another model, for the service to embed everything anew.
    """

    name: str
    dim: int
    replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What a migration did.

    Attributes:
        from_revision: the revision found, None on an empty database.
        to_revision: the revision the database is at now.
        digest: sha256 of the `sql/` folder, hexadecimal.
        files: how many SQL files schema `memory` was rebuilt from.
    """

    from_revision: str | None
    to_revision: str | None
    digest: str
    files: int


def sql_files() -> list[Path]:
    """The files schema `memory` is built from, in the order they run.

    Functions may take a row of a private view (`_…`), public views may call functions. Functions
    are in the order of their names: which folder one stands in is for readers and changes nothing,
    and the `grants.sql` of each folder come last, in any order.
    """
    views = sorted((SQL_DIR / "views").glob("*.sql"))
    private = [path for path in views if path.name.startswith("_")]
    public = [path for path in views if path not in private]
    subjects = sorted((SQL_DIR / "functions").rglob("*.sql"), key=lambda path: path.name)
    functions = [path for path in subjects if path.name != "grants.sql"]
    grants = [path for path in subjects if path.name == "grants.sql"]
    last = [SQL_DIR / "schedule.sql", SQL_DIR / "grants.sql", *grants]
    return [*private, *functions, *public, *last]


def sql_digest() -> str:
    """Sha256 over names and texts of `sql_files()`, hexadecimal: the identity of the code."""
    digest = hashlib.sha256()
    for name, text in sorted((path.name, path.read_bytes()) for path in sql_files()):
        digest.update(name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()


def head_revision() -> str | None:
    """The newest Alembic revision this program knows."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def rebuild_statements() -> Iterator[str]:
    """Every SQL text a migration runs beside the revisions, for `magray sql`."""
    yield (SQL_DIR / "bootstrap.sql").read_text()
    yield (SQL_DIR / "remember.sql").read_text()
    yield (SQL_DIR / "drop_old.sql").read_text()
    yield (SQL_DIR / "model.sql").read_text()
    for path in sql_files():
        yield path.read_text()


def migrate(url: str, model: Model | None = None) -> Migration:
    """Bring the database at `url` to this program's tables and functions.

    Args:
        url: libpq URL of a login that is a superuser, or a member of `memory_owner` on a
            database prepared with `sql/bootstrap.sql`.
        model: the model in use from now on; None leaves it as it is.

    Raises:
        psycopg.Error: a statement failed; nothing was changed.
        SchemaError: a newer program migrated it, or one too old; nothing was changed.
    """
    import sqlalchemy as sa

    # libpq reads the URL, for it knows forms that SQLAlchemy does not.
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    try:
        with engine.begin() as connection:
            return _migrate(connection, model)
    except sa.exc.DBAPIError as error:
        raise error.orig or error from error
    finally:
        engine.dispose()


def _migrate(connection: sa.Connection, model: Model | None) -> Migration:
    from alembic.runtime.migration import MigrationContext

    from alembic import command

    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    _run(driver, SQL_DIR / "bootstrap.sql")
    connection.exec_driver_sql("set local role memory_owner")
    connection.exec_driver_sql("set local check_function_bodies = off")
    context = MigrationContext.configure(connection, opts={"version_table_schema": "memory_data"})
    found = context.get_current_revision()
    _refuse_unknown(found)
    if found == _SAME_TABLES:
        connection.exec_driver_sql(
            "update memory_data.alembic_version set version_num = %s", (_TABLES,)
        )
    if context.get_current_revision() != head_revision():
        _reset(driver)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if model is not None and not _is_active(connection, model):
        _reset(driver)
        connection.exec_driver_sql(
            "select set_config('magray.model', %s, true), set_config('magray.dim', %s, true),"
            " set_config('magray.replace_model', %s, true)",
            (model.name, str(model.dim), str(model.replace)),
        )
        _run(driver, SQL_DIR / "model.sql")
    files = sql_files()
    _rebuild(driver, files)
    digest = sql_digest()
    connection.exec_driver_sql("select memory.store_code_digest(%s)", (digest,))
    return Migration(
        from_revision=found, to_revision=head_revision(), digest=digest, files=len(files)
    )


def _refuse_unknown(found: str | None) -> None:
    """Of the revisions this program has not, only the last of those that became one is its own.

    Raises:
        SchemaError: the database is at another: an older one, or one made after this program.
    """
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    if found is None or found in {_SAME_TABLES, *known}:
        return
    if "0001" <= found < _SAME_TABLES and found.isdecimal():
        raise SchemaError(
            "the database was migrated by a MAGRAY too old for this one",
            detail=f"It is at revision {found}, this program goes on from {_SAME_TABLES}, which"
            f" commit {_LAST_COMMIT} of MAGRAY brings it to. Nothing was changed.",
            hint=f"git checkout {_LAST_COMMIT} && magray migrate",
        )
    raise SchemaError(
        "the database was migrated by a newer MAGRAY than this one",
        detail=f"It is at revision {found}, this program knows those to {head_revision()}."
        " Nothing was changed.",
        hint="pip install --upgrade magray-memory",
    )


def _is_active(connection: sa.Connection, model: Model) -> bool:
    answer = connection.exec_driver_sql(
        "select exists (select from memory_data.embedding_model"
        " where active and name = %s and dim = %s)",
        (model.name, model.dim),
    )
    return bool(answer.scalar_one())


def _rebuild(driver: psycopg.Connection, files: list[Path]) -> None:
    """Replace every object of schema `memory`, or drop and make all where that is refused."""
    try:
        with driver.transaction():
            _run(driver, SQL_DIR / "replace_begin.sql")
            _run(driver, SQL_DIR / "remember.sql")
            for path in files:
                _run(driver, path)
            _run(driver, SQL_DIR / "drop_old.sql")
    except psycopg.Error:
        # Another return type, say. What is wrong with a file comes back from the second try.
        _reset(driver)
        for path in files:
            _run(driver, path)


def _reset(driver: psycopg.Connection) -> None:
    """Drop every object of schema `memory`: what was there before, and nothing has replaced it."""
    _run(driver, SQL_DIR / "remember.sql")
    _run(driver, SQL_DIR / "drop_old.sql")


def _run(driver: psycopg.Connection, path: Path) -> None:
    """Run a file as it stands: no parameters, so neither `%` nor `:name` means anything."""
    try:
        driver.execute(path.read_bytes())
    except Exception as error:
        error.add_note(f"in {path.relative_to(SQL_DIR.parent)}")
        raise


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ALEMBIC_DIR).replace("%", "%%"))
    return config
