"""A disk that is full ends PostgreSQL; space that comes back is enough for all to go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from service.core.embedded import EmbeddedServer
from service.core.migrate import Model, migrate
from tests.api.running import problem, running, until
from tests.conftest import DIM, MODEL
from tests.restore.test_faults_disk import no_room, small_disk
from tests.service.test_supervisor import MEMORY, folder, is_well, outages, store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.running import Running

__all__ = ["folder"]

pytestmark = pytest.mark.anyio


async def test_space_that_comes_back_is_enough(folder: Path) -> None:
    server = EmbeddedServer(folder / "small", memory=MEMORY, system_dir=folder / "system")
    with small_disk(folder / "small", 250, folder):
        server.start()
        try:
            migrate(server.url(), Model(name=MODEL, dim=DIM))
            with psycopg.connect(server.url()) as connection:
                connection.execute("select memory.make_partitions()")
            async with running(server.url(), server=server) as service:
                client = service.client(await service.key())
                assert (await client.post("/v1/memories", json=store("before"))).status_code == 201
                with no_room(folder / "small"):
                    with pytest.raises(psycopg.OperationalError):
                        await asyncio.to_thread(_write_wal, server.url())
                    await until(lambda: _is_full(service))
                    told = problem(await client.post("/v1/memories", json=store("full")), 503)
                    assert told["detail"] == "no space left on device"
                    (reason,) = (await service.http.get("/health")).json()["reasons"]
                    assert "no space left on device" in reason["meaning"]
                    assert reason["hint"].startswith("df -h")
                await until(lambda: is_well(service))
                assert (await client.post("/v1/memories", json=store("after"))).status_code == 201
                await until(lambda: outages(service))
                assert (await outages(service))[0]["cause"] == "no space left on device"
        finally:
            server.stop("immediate", force=True)


def _write_wal(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(300):
            connection.execute("select pg_logical_emit_message(true, 'fill', repeat('x', 1000000))")


async def _is_full(service: Running) -> bool:
    answer = await service.http.get("/health/ready")
    return answer.status_code == 503 and answer.json()["detail"] == "no space left on device"
