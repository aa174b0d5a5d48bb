"""A database this program cannot serve is refused, with the command that mends it."""

from __future__ import annotations

import psycopg
import pytest

from service.core.backend import Database, open_backend, verify
from service.core.errors import MagrayError, PlatformError, SchemaError
from service.core.migrate import Model
from service.core.settings import Settings
from tests.conftest import DIM, MODEL

pytestmark = pytest.mark.anyio

TEST_MODEL = Model(name=MODEL, dim=DIM)


async def refusal(url: str, model: Model | None = TEST_MODEL) -> MagrayError:
    with pytest.raises(MagrayError) as caught:
        await verify(Database(url=url, server=None), model)
    assert caught.value.hint
    return caught.value


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def pretend_pgvector(url: str, version: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "update pg_catalog.pg_extension set extversion = %s where extname = 'vector'",
            (version,),
        )


async def test_a_migrated_database_is_served(clone_url: str) -> None:
    for model in (TEST_MODEL, None):
        await verify(Database(url=clone_url, server=None), model)
    settings = Settings.model_validate(
        {
            "database_url": clone_url,
            "embedding": {"provider": "none", "model": MODEL, "dim": DIM},
        }
    )
    async with open_backend(settings) as backend:
        assert await backend.memory.change_token("n") == 0
        assert backend.embedder is None


async def test_another_digest_is_refused(clone_url: str) -> None:
    change(clone_url, "select memory.store_code_digest(repeat('0', 64))")
    refused = await refusal(clone_url)
    assert isinstance(refused, SchemaError)
    assert refused.hint == "magray migrate"
    assert "000000000000" in refused.detail


async def test_a_database_without_the_schema_is_refused(clone_url: str) -> None:
    change(clone_url, "drop schema memory cascade")
    refused = await refusal(clone_url)
    assert isinstance(refused, SchemaError)
    assert refused.hint == "magray migrate"


async def test_another_model_is_refused(clone_url: str) -> None:
    for model in (Model(name="other", dim=DIM), Model(name=MODEL, dim=DIM + 1)):
        refused = await refusal(clone_url, model)
        assert isinstance(refused, SchemaError)
        assert MODEL in refused.detail


@pytest.mark.parametrize("version", ["0.8.5", "0.7.4"])
async def test_an_old_pgvector_is_refused(clone_url: str, version: str) -> None:
    pretend_pgvector(clone_url, version)
    refused = await refusal(clone_url)
    assert isinstance(refused, PlatformError)
    assert version in refused.message
    assert "alter extension vector update" in refused.hint


@pytest.mark.parametrize("version", ["0.8.10", "0.9.0", "1.0", "0.8.7"])
async def test_a_newer_pgvector_is_welcome(clone_url: str, version: str) -> None:
    pretend_pgvector(clone_url, version)
    await verify(Database(url=clone_url, server=None), TEST_MODEL)


async def test_partitions_missing_now_are_refused_and_later_ones_are_not(clone_url: str) -> None:
    with psycopg.connect(clone_url) as connection:
        parts = connection.execute(
            "select name from memory._partitions_of_table('interact')"
            " where ends > now() order by ends"
        ).fetchall()
    change(clone_url, f"drop table memory_data.{parts[-1][0]}")
    await verify(Database(url=clone_url, server=None), TEST_MODEL)
    change(clone_url, f"drop table memory_data.{parts[1][0]}")
    refused = await refusal(clone_url)
    assert "partitions" in refused.message
    assert "make_partitions" in refused.hint


async def test_a_table_without_row_security_is_refused(clone_url: str) -> None:
    change(clone_url, "alter table memory_data.usage no force row level security")
    refused = await refusal(clone_url)
    assert "usage" in refused.message
    assert refused.hint == "magray migrate"


async def test_a_server_that_does_not_answer_is_told() -> None:
    refused = await refusal("postgresql://nobody@127.0.0.1:1/none")
    assert isinstance(refused, PlatformError)
    assert "MAGRAY_DATABASE_URL" in refused.hint
