"""The whole life of memories: what makes room, what is compressed, archived and brought back.

Beside what the first machine proves: a memory is in exactly one place (a layer, the archive's
outbox, a file), each way out has its decision, what comes back has its id, its uses, its ratings
and its history, a pinned one never leaves, a forgotten one is nowhere, not even in a file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, multiple, rule

from tests.model.archive_store import Archiver
from tests.model.machine import KINDS, MemoryMachine
from tests.model.world import ABOVE, NAMESPACES, TTL, Memory
from tests.sql.calls import call, rows, value

if TYPE_CHECKING:
    from uuid import UUID

_ARCHIVE_AFTER = {
    "interact": timedelta(hours=3),
    "insights": timedelta(days=30),
    "assets": timedelta(days=30),
}
_SOME = st.sets(st.integers(0, 6), max_size=4)
# Everything that hangs on a memory while it is somewhere; what a decision says of it stays.
_TRACES = (
    "usage",
    "score",
    "revision",
    "access_event",
    "embedding_failure",
    "ghost",
    "archive_outbox",
    "archived",
)


class LifecycleMachine(MemoryMachine):
    """Adds the jobs of the lifecycle and the archive to the first machine's rules."""

    def __init__(self) -> None:
        super().__init__()
        self.archiver = Archiver(self.db)

    @initialize(
        target=MemoryMachine.known,
        archive_first=st.fixed_dictionaries({layer: st.booleans() for layer in TTL}),
        pinned=_SOME,
        filed=_SOME,
        restored=_SOME,
        sent=_SOME,
    )
    def fill(
        self,
        archive_first: dict[str, bool],
        pinned: set[int],
        filed: set[int],
        restored: set[int],
        sent: set[int],
    ) -> Any:
        """Memories of each layer, some with an equal one above them, some in the archive."""
        self.archive_first = archive_first
        for layer in TTL:
            self.db.execute(
                "update memory_data.layer set archive_first = %s, archive_after = %s"
                " where name = %s",
                (archive_first[layer], _ARCHIVE_AFTER[layer], layer),
            )
        made = [
            self.remember(NAMESPACES[place % 2], "giraffe", place, kind, "s", None, place)
            for kinds in (KINDS, [ABOVE[kind] for kind in KINDS if kind in ABOVE])
            for place, kind in enumerate(kinds)
        ]
        for namespace in NAMESPACES:
            self.touch(made, None, namespace)
            self.touch(made, "s", namespace)
        for place in pinned:
            self.pin(made[place], pinned=True)
        for places, then in ((filed, self._file), (restored, self._back), (sent, None)):
            chosen = [one_id for place, one_id in enumerate(made) if place in places]
            if chosen:
                self.send(chosen)
                if then is not None:
                    then(chosen)
        return multiple(*made)

    def _file(self, _: list[UUID]) -> None:
        self.run_archive(100, None)

    def _back(self, ids: list[UUID]) -> None:
        self.run_archive(100, None)
        for namespace in NAMESPACES:
            self.restore(namespace, ids, dry_run=False, forgotten=False)

    # --- what is done

    @rule(
        layer=st.sampled_from(sorted(TTL)),
        bytes=st.sampled_from((1, 3000, 1 << 40)),
        limit=st.sampled_from((1, 2, 1000)),
    )
    def evict(self, layer: str, bytes: int, limit: int) -> None:  # noqa: A002
        """What is worth least goes, until enough is free; nothing pinned or expired."""
        fit = self._evictable(layer)
        arguments = {"layer": layer, "bytes": bytes, "limit": limit, "now": self.world.now}
        told = call(self.db, "evict", **arguments, dry_run=True)
        gone = call(self.db, "evict", **arguments)
        action = "archive" if self.archive_first[layer] else "evict"
        assert [row["id"] for row in gone] == [row["id"] for row in told]
        assert {row["id"] for row in gone} <= set(fit)
        assert {row["action"] for row in gone} <= {action}
        sizes = [row["freed_bytes"] for row in gone]
        assert sum(sizes[:-1]) < bytes or not gone
        assert sum(sizes) >= bytes or len(gone) == min(limit, len(fit))
        for row in gone:
            (self.world.archive if action == "archive" else self.world.evict)(row["id"])

    @rule(layer=st.none() | st.sampled_from(sorted(TTL)), limit=st.sampled_from((1, 1000)))
    def archive(self, layer: str | None, limit: int) -> None:
        """What nobody used for long leaves for the archive, longest unused first."""
        cold = {
            one_id: memory
            for name in TTL
            if layer in (None, name)
            for one_id, memory in self._evictable(name).items()
            if memory.idle_since <= self.world.now - _ARCHIVE_AFTER[name]
        }
        gone = call(self.db, "archive", layer=layer, limit=limit, now=self.world.now)
        assert {row["id"] for row in gone} <= set(cold)
        assert len(gone) == min(limit, len(cold))
        for row in gone:
            assert row["last_used"] == cold[row["id"]].idle_since
            self.world.archive(row["id"])

    @rule(memories=st.lists(MemoryMachine.known, min_size=1, max_size=4, unique=True))
    def send(self, memories: list[UUID]) -> None:
        """As the jobs do, but these: what is pinned, expired or elsewhere stays where it is."""
        for layer in TTL:
            here = [one_id for one_id in memories if one_id in self._evictable(layer)]
            spaces = [self.world.homes[one_id] for one_id in memories]
            gone = call(
                self.db,
                "_hand_to_archive",
                layer=layer,
                namespaces=spaces,
                ids=memories,
                reason="test",
                now=self.world.now,
            )
            assert sorted(row["id"] for row in gone) == sorted(here)
            for one_id in here:
                self.world.archive(one_id)

    @rule(file_rows=st.integers(1, 4), calls=st.none() | st.integers(0, 6))
    def run_archive(self, file_rows: int, calls: int | None) -> None:
        """The outbox into files; when the store dies midway, the next run does the rest."""
        done = self.archiver.run(self.world.now, file_rows=file_rows, calls=calls)
        waiting = {row["id"] for row in rows(self.db, "select id from memory_data.archive_outbox")}
        assert waiting <= set(self.world.outbox)
        for one_id in set(self.world.outbox) - waiting:
            self.world.filed[one_id] = self.world.outbox.pop(one_id)
        if done:
            assert not waiting
            self._files_hold_what_they_should()

    @rule(
        namespace=st.sampled_from(NAMESPACES),
        dry_run=st.booleans(),
        ids=st.none() | st.lists(MemoryMachine.known, min_size=1, max_size=3, unique=True),
        forgotten=st.booleans(),
    )
    def restore(
        self, namespace: str, ids: list[UUID] | None, *, dry_run: bool, forgotten: bool
    ) -> None:
        """What the archive has comes back; what is asked for by name and forgotten does not."""
        if ids is not None and forgotten:
            ids = [*ids, *sorted(self.world.forgotten)]
        there = self.world.archived(namespace)
        wanted = set(there) if ids is None else set(there) & set(ids)
        answer = self.archiver.restore(self.world.now, namespace, ids, dry_run=dry_run)
        back = wanted - set(answer.live) - set(answer.same_content)
        assert answer.restored == len(back)
        self._each_content_lives_once(there, wanted, back)
        assert answer.absent == [one_id for one_id in ids or () if one_id not in there]
        for one_id in () if dry_run else back:
            self.world.restore(one_id)

    def _each_content_lives_once(
        self, there: dict[UUID, Memory], wanted: set[UUID], back: set[UUID]
    ) -> None:
        """Nothing comes back beside its equal; of equal ones that are asked for one does."""
        living = {
            one.identity
            for one in self.world.memories.values()
            if self.world.lives(one) or one.pinned
        }
        groups: dict[tuple[str | None, ...], list[UUID]] = {}
        for one_id in wanted:
            groups.setdefault(there[one_id].identity, []).append(one_id)
        for identity, members in groups.items():
            assert len(back.intersection(members)) == (identity not in living)

    @rule(age=st.sampled_from((timedelta(0), timedelta(days=1))))
    def drop_copies(self, age: timedelta) -> None:
        """Copies of what was restored longer ago leave the files with the next run."""
        before = self.world.now - age
        dropped = call(self.db, "drop_copies", before=before, now=self.world.now)
        old = [one for one in self.world.copies if one[2] < before]
        assert {row["id"] for row in dropped} == {one[1] for one in old}
        self.world.copies = [one for one in self.world.copies if one not in old]

    @rule(back=st.booleans(), later=st.booleans())
    def compress(self, *, back: bool, later: bool) -> None:
        """Cold partitions lose their large indexes or get them again; nobody notices."""
        if later:
            self.time_passes(timedelta(days=40))
        function, done = ("decompress", "decompressed") if back else ("compress", "compressed")
        self.db.execute("analyze memory_data.insights")  # what is empty is not compressed
        for _ in range(2):
            changed = call(self.db, function, now=self.world.now)
            self.world.compressions += sum(row["state"] == done for row in changed)
            for plan in call(self.db, "plan_indexes", now=self.world.now):
                self.db.execute(plan["statement"].replace(" concurrently", ""))

    @rule()
    def purge(self) -> None:
        """What hung on those that are gone goes; those that are somewhere keep theirs."""
        call(self.db, "purge_traces")
        call(self.db, "purge_ghosts", now=self.world.now)
        call(self.db, "learn_reuse", now=self.world.now)

    # --- what must hold

    @invariant()
    def everything_is_in_one_place(self) -> None:
        found = self.db.execute(
            "select namespace, id, layer from memory._memories"
            " union all select namespace, id, 'outbox' from memory_data.archive_outbox"
            " union all select namespace, id, 'file' from memory_data.archived"
            " where restored_at is null"
        ).fetchall()
        assert len(found) == len(set(found))
        assert set(found) == self.world.places()

    @invariant()
    def everything_keeps_its_past(self) -> None:
        """Uses, ratings and edits are with each memory, in its layer and in the outbox."""
        found = self.db.execute(
            "select m.id, coalesce(u.access_count, 0), coalesce(u.rating_count, 0),"
            " (select count(*) from memory_data.revision as r"
            " where r.namespace = m.namespace and r.id = m.id)"
            " from memory._memories as m left join memory_data.usage as u using (namespace, id)"
            " union all select id, coalesce((usage ->> 'access_count')::int, 0),"
            " coalesce((usage ->> 'rating_count')::int, 0), jsonb_array_length(revisions)"
            " from memory_data.archive_outbox"
        ).fetchall()
        assert sorted(found) == sorted(
            (one_id, memory.access_count, len(memory.ratings), memory.edits)
            for one_id, memory in (self.world.memories | self.world.outbox).items()
        )

    @invariant()
    def the_forgotten_are_nowhere(self) -> None:
        if not self.world.forgotten:
            return
        for table in _TRACES:
            held = f"select count(*) from memory_data.{table} where id = any (%s)"  # noqa: S608
            assert value(self.db, held, list(self.world.forgotten)) == 0, table

    def _evictable(self, layer: str) -> dict[UUID, Memory]:
        return {
            one_id: memory
            for one_id, memory in self.world.memories.items()
            if memory.layer == layer and self.world.lives(memory) and not memory.pinned
        }

    def _files_hold_what_they_should(self) -> None:
        """In the store is what the archive knows, copies too, and nothing that was forgotten."""
        held = sorted(one for file in self.archiver.files().values() for one in file)
        assert held == sorted(
            [(memory.namespace, str(one_id)) for one_id, memory in self.world.filed.items()]
            + [(namespace, str(one_id)) for namespace, one_id, _ in self.world.copies]
        )
