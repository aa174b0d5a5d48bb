"""Memories that go through everything a memory can, each with a word of its own.

A step changes some of them, or all there are; which steps and in what order is drawn. What is
remembered of a memory anywhere holds its word: that is how to see whether it is forgotten.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from pgvector import HalfVector

from tests.conftest import DIM
from tests.model.archive_store import Archiver
from tests.sql.calls import call, one, rows, value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from psycopg import Connection

NAMESPACES = ("ann", "bob")
KINDS = ("user_interaction", "recent_query", "pattern", "solution", "core_concept")
ABOVE = {
    "user_interaction": "solution",
    "recent_query": "learned_context",
    "pattern": "documentation",
    "solution": "core_concept",
}
LAYERS = ("interact", "insights", "assets")

_TABLES = """
select c.oid::regclass::text as name from pg_class as c
where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'm')
"""


def leftovers(db: Connection[Any], word: str) -> set[str]:
    """Tables of memory_data, partitions and taken out ones too, with a row that holds the word."""
    hexed = word.encode().hex()
    tables = [row["name"] for row in rows(db, _TABLES)]
    assert len(tables) > 60
    select = " union all ".join(
        f"select '{table}' where exists (select from {table} as t"  # noqa: S608
        " where t::text like %(word)s or t::text like %(hexed)s)"
        for table in tables
    )
    found = db.execute(select, {"word": f"%{word}%", "hexed": f"%{hexed}%"})  # type: ignore[call-overload]
    return {row[0] for row in found}


class Lives:
    """Memories on a session in a transaction; time only moves forward.

    Args:
        db: the session.
        archive_first: the layers whose evicted memories go to the archive.
        ago: how long before the database's time they begin.
    """

    def __init__(
        self, db: Connection[Any], archive_first: Iterable[str], *, ago: timedelta = timedelta(0)
    ) -> None:
        self.db = db
        self.now = value(db, "select now()").astimezone(UTC) - ago
        self.archiver = Archiver(db)
        call(db, "make_partitions", now=self.now)
        # of each word: the ids that ever had it
        self.ids: dict[str, list[UUID]] = {}
        db.execute("update memory_data.promotion_rule set threshold = -1")
        db.execute("update memory_data.route set overrides = '{}'")
        db.execute(
            "update memory_data.layer set archive_first = name = any (%s)", (list(archive_first),)
        )
        db.execute("update memory_data.setting set value = '1' where key = 'revision_months'")

    def namespace(self, word: str) -> str:
        return NAMESPACES[int(word[4:-1]) % 2]

    def store(self, number: int, kind: str, *, vector: bool, above: bool = False) -> str:
        """Remember a memory, or one that would be its equal in the layer above; its word."""
        word = f"zqxw{number}y"
        self._remember(word, ABOVE.get(kind, kind) if above else kind, vector=vector)
        return word

    def _remember(self, word: str, kind: str, *, vector: bool) -> None:
        made = one(
            self.db,
            "remember",
            namespace=self.namespace(word),
            content=f"{word} said",
            kind=kind,
            metadata={"speaker": word, "tags": [word]},
            session=f"s {word}",
            embedding=HalfVector([1.0] * DIM) if vector else None,
            idempotency_key=f"{kind} {word[4:-1]}",
            now=self.now,
        )
        known = self.ids.setdefault(word, [])
        if made["id"] not in known:
            known.append(made["id"])

    # --- steps of one memory; one that is not live is left alone

    def _live(self, word: str) -> list[UUID]:
        found = rows(
            self.db,
            "select id from memory._memories where id = any (%s) and expires_at > %s",
            self.ids[word],
            self.now,
        )
        return [row["id"] for row in found]

    def use(self, word: str) -> None:
        for one_id in self._live(word):
            at = {"namespace": self.namespace(word), "session": f"s {word}", "now": self.now}
            call(self.db, "touch", ids=[one_id], **at)
            call(self.db, "rate", id=one_id, rating=4.0, **at)

    def edit(self, word: str) -> None:
        self.now += timedelta(seconds=1)
        for one_id in self._live(word):
            changes = {"content": f"{word} at {self.now} as {one_id}"}
            self._change(word, one_id, changes)

    def pin(self, word: str) -> None:
        for one_id in self._live(word):
            self._change(word, one_id, {"pinned": True})

    def unpin(self, word: str) -> None:
        for one_id in self._live(word):
            self._change(word, one_id, {"pinned": False})

    def _change(self, word: str, one_id: UUID, changes: dict[str, Any]) -> None:
        call(
            self.db,
            "update_memory",
            namespace=self.namespace(word),
            id=one_id,
            changes=changes,
            now=self.now,
        )

    def fail(self, word: str) -> None:
        for one_id in self._live(word):
            call(
                self.db,
                "note_embedding_failure",
                namespace=self.namespace(word),
                id=one_id,
                error=f"cannot embed {word}",
                now=self.now,
            )

    def again(self, word: str) -> None:
        self._remember(word, "user_interaction", vector=False)

    def send(self, word: str) -> None:
        for layer in LAYERS:
            live = self._live(word)
            call(
                self.db,
                "_hand_to_archive",
                layer=layer,
                ids=live,
                reason="test",
                now=self.now,
                namespaces=[self.namespace(word)] * len(live),
            )

    def restore(self, word: str) -> None:
        self.archiver.restore(self.now, self.namespace(word), self.ids[word], dry_run=False)

    # --- steps of all

    def evict(self) -> None:
        for layer in LAYERS:
            call(self.db, "evict", layer=layer, bytes=1 << 40, now=self.now)

    def promote(self) -> None:
        call(self.db, "promote", now=self.now)

    def embed(self) -> None:
        waiting = call(self.db, "pending_embeddings", limit=100, now=self.now)
        call(
            self.db,
            "write_embeddings",
            namespaces=[row["namespace"] for row in waiting],
            ids=[row["id"] for row in waiting],
            documents=[row["document"] for row in waiting],
            embeddings=[HalfVector([1.0] * DIM) for _ in waiting],
            model="test-model",
        )

    def ask(self) -> None:
        call(
            self.db,
            "note_queries",
            namespaces=list(NAMESPACES),
            embeddings=[HalfVector([1.0] * DIM)] * 2,
            now=self.now,
        )

    def file(self) -> None:
        self.archiver.run(self.now, file_rows=2, calls=None)

    def drop_copies(self) -> None:
        call(self.db, "drop_copies", before=self.now + timedelta(days=1), now=self.now)

    def compress(self) -> None:
        self.db.execute("analyze memory_data.insights")
        for _ in range(2):
            call(self.db, "compress", now=self.now)
            for plan in call(self.db, "plan_indexes", now=self.now):
                self.db.execute(plan["statement"].replace(" concurrently", ""))

    def wait(self) -> None:
        """Longer than a memory of the lowest layer lives."""
        self.now += timedelta(hours=25)
        while call(self.db, "make_partitions", now=self.now):
            pass

    def expire(self) -> None:
        """What is expired is taken out; what was taken out before is dropped."""
        call(self.db, "expire", now=self.now)

    def purge_edits(self) -> None:
        """The partitions of what edited memories were are taken out."""
        call(self.db, "purge_logs", now=self.now + timedelta(days=100))
        self.now += timedelta(days=40)
        while call(self.db, "make_partitions", now=self.now):
            pass

    # --- what there is

    def told(self, word: str) -> set[UUID]:
        """Ids of a word that are in a layer, in the outbox or in a file."""
        found = rows(
            self.db,
            "select id from memory._memories where id = any (%s)"
            " union select id from memory_data.archive_outbox where id = any (%s)"
            " union select id from memory_data.archived where id = any (%s)",
            *[self.ids[word]] * 3,
        )
        return {row["id"] for row in found}

    def ids_of(self, namespace: str) -> list[UUID]:
        """Every id a namespace ever had."""
        return [
            one_id
            for word, ids in self.ids.items()
            if self.namespace(word) == namespace
            for one_id in ids
        ]
