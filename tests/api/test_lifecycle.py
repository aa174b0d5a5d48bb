"""POST /v1/lifecycle/run: the lifecycle at once, for who may see all namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.core.database import connect
from tests.api.running import problem

if TYPE_CHECKING:
    from tests.api.running import Running

pytestmark = pytest.mark.anyio


async def expired_asset(service: Running, namespace: str) -> str:
    """A memory whose time is up and whose partition stays."""
    client = service.client(await service.key())
    memory = {
        "namespace": namespace,
        "content": "x",
        "kind": "core_concept",
        "ttl": 0.001,
    }
    answer = await client.post("/v1/memories", json={"memories": [memory]})
    one_id: str = answer.json()["memories"][0]["id"]
    return one_id


async def test_a_dry_run_tells_and_a_run_does(service: Running) -> None:
    # not while the service's own job may be faster
    async with connect(service.url, role="memory_operator") as connection:
        await connection.execute("select memory.set_job('expire', p_enabled => false)")
        client = service.client(await service.key(scopes=("read", "admin")))
        memory = await expired_asset(service, "lifecycle")
        told = (await client.post("/v1/lifecycle/run", json={"dry_run": True})).json()
        assert told["dry_run"] is True
        mine = [
            one["change"]
            for one in told["changes"]
            if one["step"] == "expire" and one["change"]["from_id"] == memory
        ]
        assert [(one["action"], one["namespace"]) for one in mine] == [("delete", "lifecycle")]
        done = (await client.post("/v1/lifecycle/run", json={})).json()
        assert done == {**told, "dry_run": False}
        again = (await client.post("/v1/lifecycle/run", json={"limit": 10})).json()
        assert memory not in str(again)
        await connection.execute("select memory.set_job('expire', p_enabled => true)")


async def test_it_takes_an_admin_of_all_namespaces(service: Running) -> None:
    for namespaces, scopes, status in (
        ((), ("read", "write"), 403),
        (("ann",), ("read", "write", "admin"), 403),
        ((), ("admin",), 200),
    ):
        client = service.client(await service.key(*namespaces, scopes=scopes))
        answer = await client.post("/v1/lifecycle/run", json={"dry_run": True})
        if status == 200:
            assert answer.status_code == 200
        else:
            problem(answer, status, code="ML403")


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 100_001}, {"dry_run": 1}, {"dry": True}])
async def test_a_malformed_request_is_refused(service: Running, body: dict[str, object]) -> None:
    client = service.client(await service.key(scopes=("admin",)))
    problem(await client.post("/v1/lifecycle/run", json=body), 400)
