"""The database behind a command or the service: found or started, brought up to date, checked.

`open_database` gives a URL (the embedded server's or the configured one); `open_backend` adds what
the service and the commands share: the pool, the `Memory`, the embedder.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread
import psycopg
import structlog
from msgspec import structs

from service.core.database import UNMIGRATED, connect, is_unprepared, make_pool
from service.core.embedded import EmbeddedServer
from service.core.embedded.ending import no_space, out_of_space
from service.core.embedded.network import open_to_loopback
from service.core.embedded.site import holds_database
from service.core.embedding.factory import make_embedder
from service.core.errors import EmbeddingUnavailable, NoDatabaseError, PlatformError, SchemaError
from service.core.memory import Jobs, Memory, Operator
from service.core.migrate import Model, migrate, sql_digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

    from service.core.embedding.cache import CachedEmbedder
    from service.core.settings import Settings

log = structlog.get_logger("magray.backend")

_DISK_FULL = psycopg.errors.DiskFull.sqlstate


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where the memory lives.

    Attributes:
        url: libpq URL of a login that may act as the roles of `sql/bootstrap.sql`.
        server: the embedded server, None when `MAGRAY_DATABASE_URL` names another.
    """

    url: str
    server: EmbeddedServer | None

    @property
    def bin_dir(self) -> Path | None:
        """Where psql and the other programs of this server lie; None: on PATH."""
        return self.server.bin_dir if self.server else None


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A database ready for use.

    Attributes:
        database: where it is.
        pool: connections acting as `memory_app`.
        memory: the functions of schema `memory`.
        embedder: the cached embedding provider, None when there is none.
    """

    settings: Settings
    database: Database
    pool: AsyncConnectionPool
    memory: Memory
    embedder: CachedEmbedder | None


@asynccontextmanager
async def open_database(
    settings: Settings, *, expects_one: bool = True, makes: bool = True
) -> AsyncIterator[Database]:
    """The configured database, or the embedded one, started if need be and stopped at the end.

    Args:
        settings: which.
        expects_one: a new embedded one is made all the same, but told: most likely the command was
            meant for the database of another directory.
        makes: False for a command that has nothing to do with a new one: none is made.

    Raises:
        NoDatabaseError: there is none, and none is to be made.
    """
    if settings.database_url is not None:
        yield Database(url=settings.database_url.get_secret_value(), server=None)
        return
    if not makes and not await anyio.to_thread.run_sync(holds_database, settings.data_dir):
        raise NoDatabaseError(
            f"there is no database in {settings.data_dir.resolve()}",
            hint="magray serve makes one; MAGRAY_DATA_DIR names another directory",
        )
    options = {}
    if settings.postgres_port is not None:
        closed = EmbeddedServer(settings.data_dir, bin_dir=settings.backup.bin_dir)
        options = await anyio.to_thread.run_sync(open_to_loopback, closed, settings.postgres_port)
    server = EmbeddedServer(
        settings.data_dir,
        bin_dir=settings.backup.bin_dir,
        options=options,
        on_progress=lambda line: log.info(line),
    )
    try:
        await anyio.to_thread.run_sync(server.start)
    except anyio.get_cancelled_exc_class():
        await _stop(server)  # which waits for the start, for its thread goes on
        raise
    if server.made:
        tell = log.warning if expects_one else log.info
        tell(
            "there was no database, a new one was made",
            data_dir=str(server.data_dir),
            hint="MAGRAY_DATA_DIR names another",
        )
    try:
        with _with_cause(server):
            yield Database(url=server.url(), server=server)
    finally:
        await _stop(server)


@contextmanager
def _with_cause(server: EmbeddedServer) -> Iterator[None]:
    """Tell an error of a server that has no space, or has ended, by why that is.

    Raises:
        PlatformError: the cause of its end.
    """
    try:
        yield
    except (psycopg.OperationalError, PlatformError) as error:
        first = error.__cause__ if isinstance(error, PlatformError) else error
        if not isinstance(first, psycopg.OperationalError):
            raise
        state = first.sqlstate or ""
        if state and state != _DISK_FULL and state[:2] not in ("08", "57"):
            raise
        cause = server.cause_of_end()
        full = no_space(
            out_of_space(str(first).partition("\n")[0]) if state == _DISK_FULL else cause
        )
        if full is not None:
            raise full from error
        if server.is_reachable:
            raise
        raise PlatformError(
            f"the database has ended: {cause.what}", detail=cause.detail, hint=cause.hint
        ) from error


async def _stop(server: EmbeddedServer) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(server.stop)


async def bring_up_to_date(database: Database, settings: Settings, model: Model | None) -> None:
    """Migrate and apply the policy: what `magray migrate` does, and every embedded start.

    Args:
        database: which one.
        settings: their policy goes into the rows.
        model: the embedding model to use from now on; None leaves it as it is.

    Raises:
        psycopg.Error: a statement failed; the database is as it was.
    """
    migration = await anyio.to_thread.run_sync(migrate, database.url, model)
    log.info("migrated", revision=migration.to_revision, digest=migration.digest[:12])
    async with connect(database.url, role="memory_owner") as connection:
        operator = Operator(connection)
        for change in await operator.apply_policy(settings.policy()):
            log.info("policy changed", **structs.asdict(change))
        # after the policy, for a longer life reaches further; a bounded number a call
        while await operator.make_partitions():
            pass
    async with connect(database.url, role="memory_operator") as connection:
        for told in await Jobs(connection).reconcile():
            log.info("pg_cron told", **structs.asdict(told))


async def verify(database: Database, model: Model | None) -> None:
    """Refuse a database this program cannot serve.

    Args:
        database: which one.
        model: the embedding model the settings ask for, None for whatever is there.

    Raises:
        PlatformError: PostgreSQL, an extension or its settings are not fit.
        SchemaError: the schema was built from another `sql/`, or there is none.
    """
    try:
        async with connect(database.url, role="memory_owner") as connection:
            digest = await Operator(connection).code_digest()
            conditions = await Operator(connection).check_database()
            in_use = await Operator(connection).active_model()
    except UNMIGRATED as error:
        raise SchemaError("the database has no schema memory yet", hint="magray migrate") from error
    except psycopg.OperationalError as error:
        if is_unprepared(error):
            raise SchemaError(
                "the database is not prepared for MAGRAY", detail=str(error), hint="magray migrate"
            ) from error
        raise _unreachable(error) from error
    if digest != sql_digest():
        raise SchemaError(
            "the database was migrated by another version of MAGRAY",
            detail=f"its digest is {str(digest)[:12]}, this program's {sql_digest()[:12]}",
            hint="magray migrate",
        )
    if model is not None and in_use != (model.name, model.dim):
        raise SchemaError(
            "the database stores vectors of another embedding model",
            detail=f"in use: {in_use}, configured: {(model.name, model.dim)}",
            hint="magray migrate",
        )
    for condition in conditions:
        if condition.needed and not condition.ok:
            raise PlatformError(f"{condition.condition}: {condition.detail}", hint=condition.hint)


def _unreachable(error: psycopg.Error) -> PlatformError:
    return PlatformError(
        "the database cannot be reached",
        detail=str(error).strip(),
        hint="check MAGRAY_DATABASE_URL, then: magray check",
    )


@asynccontextmanager
async def open_backend(
    settings: Settings, *, expects_one: bool = True, makes: bool = True
) -> AsyncIterator[Backend]:
    """A checked database with pool and embedder; the embedded one is migrated on the way.

    `expects_one`, `makes`: as `open_database` has them.

    Raises:
        MagrayError: the settings, the platform, the schema or the provider are not fit.
    """
    embedder: CachedEmbedder | None = None
    away: EmbeddingUnavailable | None = None
    try:
        # before the database, for settings that are wrong are told at once
        embedder = await anyio.to_thread.run_sync(load_embedder, settings)
    except EmbeddingUnavailable as error:
        away = error
    try:
        async with open_database(settings, expects_one=expects_one, makes=makes) as database:
            if away is not None:
                embedder = await load_unseen(settings, database, away)
            model = model_of(settings, embedder)
            if database.server is not None:
                await bring_up_to_date(database, settings, model)
            await verify(database, model)
            async with open_pools(database, settings) as (pool, memory):
                yield Backend(
                    settings=settings,
                    database=database,
                    pool=pool,
                    memory=memory,
                    embedder=embedder,
                )
    finally:
        if embedder is not None:
            embedder.close()


@asynccontextmanager
async def open_pools(
    database: Database, settings: Settings
) -> AsyncIterator[tuple[AsyncConnectionPool, Memory]]:
    """The service's connections, and the functions on them and on some for housekeeping."""
    async with (
        make_pool(database.url, size=settings.pool_size) as pool,
        make_pool(database.url, size=4, role="memory_operator") as housekeeping,
    ):
        yield pool, Memory(pool, housekeeping)


def load_embedder(settings: Settings) -> CachedEmbedder | None:
    """The configured provider behind its cache; None with provider none.

    Raises:
        MagrayError: the provider is missing or misconfigured.
    """
    performance = settings.memory.performance
    provider = settings.embedding.model_copy(update={"batch_size": performance.batch_size})
    loaded = make_embedder(provider)
    if loaded is None:
        return None
    from service.core.embedding.cache import CachedEmbedder

    return CachedEmbedder(loaded, performance.embedding_cache_size)


async def load_unseen(
    settings: Settings, database: Database, away: EmbeddingUnavailable
) -> CachedEmbedder | None:
    """The provider although it does not answer: the database knows the dimension of its vectors.

    Raises:
        EmbeddingUnavailable: it does not, as at the very first start.
        PlatformError: the database cannot be reached either.
    """
    try:
        async with connect(database.url, role="memory_owner") as connection:
            in_use = await Operator(connection).active_model()
    except (psycopg.OperationalError, *UNMIGRATED) as error:
        if not is_unprepared(error):
            raise _unreachable(error) from error
        in_use = None
    name = f"openai/{settings.embedding.model}"
    if in_use is None or in_use[0] != name:
        stored = "none yet" if in_use is None else f"those of {in_use[0]}"
        raise EmbeddingUnavailable(
            f"{away.message} How long its vectors are is not known without it.",
            detail=f"{away.detail}\nVectors in the database: {stored}.".strip(),
            hint="start again when it answers, or set MAGRAY_EMBEDDING__DIM=numbers in its vectors",
        ) from away
    log.warning("embedding provider away", error=away.message, dim=in_use[1])
    known = settings.embedding.model_copy(update={"dim": in_use[1]})
    return await anyio.to_thread.run_sync(
        load_embedder, settings.model_copy(update={"embedding": known})
    )


def model_of(settings: Settings, embedder: CachedEmbedder | None) -> Model | None:
    """Whose vectors the database is to store: the provider's, or those a caller brings.

    With provider none it is the model and dimension of the settings, None without a dimension.
    """
    if embedder is not None:
        return Model(name=embedder.model_id, dim=embedder.dim)
    if settings.embedding.dim is None:
        return None
    return Model(name=settings.embedding.model or "external", dim=settings.embedding.dim)
