"""DELETE forgets a memory whatever became of it, and says who did."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.model.lives import LAYERS, Lives, leftovers
from tests.sql.calls import session, value

if TYPE_CHECKING:
    from tests.api.running import Running

pytestmark = pytest.mark.anyio

# what happens to a memory, and whether there is one left to be forgotten
STATES = {
    "stored": ((), True),
    "embedded": (("embed",), True),
    "used": (("use", "fail"), True),
    "edited": (("edit", "edit"), True),
    "pinned": (("pin",), True),
    "promoted": (("use", "promote"), True),
    "promoted twice": (("use", "promote", "use", "promote"), True),
    "evicted into the outbox": (("use", "evict"), True),
    "evicted into a file": (("edit", "evict", "file"), True),
    "sent and restored": (("use", "edit", "send", "restore"), True),
    "filed and restored": (("edit", "send", "file", "restore"), True),
    "filed, restored and pinned": (("send", "file", "restore", "pin"), True),
    "filed, restored and filed again": (("send", "file", "restore", "edit", "send", "file"), True),
    "restored, the copy dropped": (("send", "file", "restore", "drop_copies"), True),
    "expired": (("edit", "wait"), True),
    "expired and taken out": (("edit", "wait", "wait", "expire"), False),
    "stored again after it was evicted": (("evict", "again"), True),
}


@pytest.mark.parametrize("state", STATES)
async def test_it_is_forgotten(service: Running, state: str) -> None:
    steps, is_there = STATES[state]
    client = service.client(await service.key("ann", scopes=("read", "write")))
    with session(service.url) as db:
        # nobody else drops what is past meanwhile
        db.execute("update memory_data.schedule set enabled = false")
        # two days ago, where it is to be past by now
        lives = Lives(db, LAYERS, ago=timedelta(hours=52 if "wait" in steps else 0))
        word = lives.store(2 * list(STATES).index(state), "user_interaction", vector=False)
        # in a thread, for the archive's jobs begin a loop of their own
        await asyncio.to_thread(_happen, lives, word, steps)
        codes = []
        for one_id in lives.ids[word]:
            at = f"/v1/memories/{one_id}"
            told = await client.delete(at, params={"dry_run": True})
            gone = await client.delete(at)
            assert (told.status_code, told.json()) == (gone.status_code, gone.json())
            assert (await client.delete(at)).status_code == 404
            codes.append(gone.status_code)
            if gone.status_code == 200:
                about = {"id": str(one_id), "action": "forget"}
                (decided,) = (await client.get("/v1/decisions", params=about)).json()["decisions"]
                assert decided["actor"] == "key test"
        assert (200 in codes) is is_there
        files = await asyncio.to_thread(_rewritten, lives)
        assert leftovers(db, word) == set()
        assert all(str(one_id) not in files for one_id in lives.ids[word])


def _happen(lives: Lives, word: str, steps: tuple[str, ...]) -> None:
    for step in steps:
        if step in ("embed", "promote", "evict", "file", "drop_copies", "wait", "expire"):
            getattr(lives, step)()
        else:
            getattr(lives, step)(word)


def _rewritten(lives: Lives) -> str:
    """What the files hold after the next run of the archive."""
    lives.file()
    return str(lives.archiver.files())


async def test_what_the_lifecycle_decides_is_decided_by_whose_key_began_it(
    service: Running,
) -> None:
    client = service.client(await service.key(scopes=("admin",)))
    with session(service.url) as db:
        lives = Lives(db, ())
        word = lives.store(1000, "core_concept", vector=False)
        db.execute(
            "update memory_data.assets set expires_at = now() where id = %s", (lives.ids[word][0],)
        )
        assert (await client.post("/v1/lifecycle/run", json={})).status_code == 200
        actor = "select actor from memory.decisions where id = %s and action = 'expire'"
        assert value(db, actor, lives.ids[word][0]) == "key test"
