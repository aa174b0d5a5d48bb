"""The machine that remembers, uses, edits, promotes, expires and forgets.

Each example is one transaction that is rolled back; time only moves forward. Whatever is live in
the model is found by id, by its word and by its vector; whatever is expired or forgotten is not;
counts agree; no row of another namespace ever appears.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)
from pgvector import HalfVector

from tests.conftest import DIM
from tests.model.world import ABOVE, LAYERS, NAMESPACES, TTL, Memory, World
from tests.sql.calls import call, one, value

if TYPE_CHECKING:
    from uuid import UUID

KINDS = ("user_interaction", "recent_query", "pattern", "core_concept")
# Words without a stop word or a common stem among them.
WORDS = ("giraffe", "volcano", "bicycle", "lantern", "поездка", "квартира")
TTLS = (None, timedelta(minutes=1), timedelta(hours=5), timedelta(hours=30))
STEPS = (timedelta(seconds=20), timedelta(hours=3), timedelta(hours=25), timedelta(days=40))


class MemoryMachine(RuleBasedStateMachine):
    """Rules call the functions and change the model; invariants compare the two."""

    # one session for all examples: a new one would plan every query anew
    db: psycopg.Connection[Any]
    known = Bundle("known")
    vectors = np.random.default_rng(3).normal(size=(64, DIM)).astype(np.float16)

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = cycle(NAMESPACES)
        self.world = World(now=datetime.now(UTC))
        # every criterion holds for what was used more than once
        self.db.execute("update memory_data.promotion_rule set threshold = -1")
        self.db.execute(
            "update memory_data.promotion_rule set threshold = 1 where criterion = 'access_count'"
        )
        self.db.execute("update memory_data.route set overrides = '{}'")

    def teardown(self) -> None:
        self.db.rollback()

    # --- what is done

    @rule(
        target=known,
        namespace=st.sampled_from(NAMESPACES),
        word=st.sampled_from(WORDS),
        number=st.integers(0, 5),
        kind=st.sampled_from(KINDS),
        session=st.sampled_from((None, "s")),
        ttl=st.sampled_from(TTLS),
        vector=st.none() | st.integers(0, 63),
    )
    def remember(
        self,
        namespace: str,
        word: str,
        number: int,
        kind: str,
        session: str | None,
        ttl: timedelta | None,
        vector: int | None,
    ) -> Any:
        life = ttl or TTL[LAYERS[kind]]
        memory = Memory(
            namespace=namespace,
            word=word,
            number=number,
            kind=kind,
            known_as=kind,
            session=session,
            vector=None if vector is None else tuple(self.vectors[vector].tolist()),
            entered_at=self.world.now,
            expires_at=None if life is None else self.world.now + life,
        )
        row = one(
            self.db,
            "remember",
            namespace=namespace,
            content=memory.content,
            kind=kind,
            session=session,
            ttl=ttl,
            now=self.world.now,
            embedding=None if memory.vector is None else HalfVector(list(memory.vector)),
        )
        same = [
            known
            for known, other in self.world.stored(namespace).items()
            if memory.is_same(other, kind)
        ]
        assert row["created"] is (not same)
        if same:  # promoted since, perhaps
            assert row["id"] in same
            assert row["layer"] == self.world.memories[row["id"]].layer
            return multiple()
        assert row["layer"] == LAYERS[kind]
        assert row["expires_at"] == memory.expires_at
        self.world.add(row["id"], memory)
        return row["id"]

    @rule(memory=consumes(known))
    def forget(self, memory: UUID) -> None:
        """It goes, wherever it is."""
        arguments = {"ids": [memory], "now": self.world.now}
        for namespace in NAMESPACES:
            told = call(self.db, "forget", namespace=namespace, **arguments, dry_run=True)
            gone = call(self.db, "forget", namespace=namespace, **arguments)
            assert gone == told
            expected = [memory] if self.world.forget(namespace, memory) else []
            assert [row["id"] for row in gone] == expected

    @rule(
        memories=st.lists(known, min_size=1, max_size=4),
        session=st.sampled_from((None, "s")),
        namespace=st.sampled_from(NAMESPACES),
    )
    def touch(self, memories: list[UUID], session: str | None, namespace: str) -> None:
        answer = call(
            self.db,
            "touch",
            namespace=namespace,
            ids=memories,
            session=session,
            now=self.world.now,
        )
        live = {one_id for one_id in memories if one_id in self.world.live(namespace)}
        assert {row["id"] for row in answer} == live
        minute = self.world.now.replace(second=0, microsecond=0)
        for one_id in live:
            memory = self.world.memories[one_id]
            self.world.memories[one_id] = replace(
                memory, uses=memory.uses | {(session, minute)}, last_use=self.world.now
            )

    @rule(memory=known, rating=st.sampled_from((1.0, 3.0, 5.0)))
    def rate(self, memory: UUID, rating: float) -> None:
        for namespace in NAMESPACES:
            arguments = {"namespace": namespace, "id": memory, "rating": rating}
            mine = self.world.live(namespace).get(memory)
            if mine is None:
                self._refused("ML404", "rate", **arguments)
            else:
                mine = replace(mine, ratings=(*mine.ratings, rating))
                self.world.memories[memory] = mine
                row = one(self.db, "rate", **arguments, now=self.world.now)
                assert row["rating"] == pytest.approx(np.mean(mine.ratings))

    @rule(
        memory=known,
        word=st.none() | st.sampled_from(WORDS),
        number=st.integers(0, 5),
        ttl=st.sampled_from(TTLS),
    )
    def update(self, memory: UUID, word: str | None, number: int, ttl: timedelta | None) -> None:
        """What says something else is known as what it is now; nothing becomes another's equal."""
        for namespace in NAMESPACES:
            mine = self.world.live(namespace).get(memory)
            changes: dict[str, Any] = {}
            changed = mine
            if mine is not None and word is not None:
                changed = replace(mine, word=word, number=number)
                changes["content"] = changed.content
                if changed.content != mine.content:
                    changed = replace(changed, vector=None, known_as=changed.kind)
            if changed is not None and ttl is not None:
                changes["ttl"] = f"{ttl.total_seconds()} seconds"
                changed = replace(changed, expires_at=self.world.now + ttl)
            arguments = {"namespace": namespace, "id": memory, "changes": changes}
            if mine is None or changed is None:
                self._refused("ML404", "update_memory", **arguments)
                continue
            if mine.pinned and ttl is not None:
                self._refused("ML422", "update_memory", **arguments)
                continue
            if changed.content != mine.content and any(
                one_id != memory and changed.is_same(other, changed.known_as)
                for one_id, other in self.world.stored(namespace).items()
            ):
                self._refused("ML409", "update_memory", **arguments)
                continue
            row = one(self.db, "update_memory", **arguments, now=self.world.now)
            changed = self.world.held(changed)
            self.world.memories[memory] = replace(changed, edits=changed.edits + 1)
            assert row["expires_at"] == changed.expires_at
            assert row["has_embedding"] is (changed.vector is not None)

    @rule(memory=known, pinned=st.booleans())
    def pin(self, memory: UUID, *, pinned: bool) -> None:
        mine = self.world.memories.get(memory)
        if mine is not None and self.world.lives(mine):
            one(
                self.db,
                "update_memory",
                namespace=mine.namespace,
                id=memory,
                changes={"pinned": pinned},
                now=self.world.now,
            )
            self.world.memories[memory] = self.world.held(
                replace(mine, pinned=pinned, edits=mine.edits + 1)
            )

    @rule(limit=st.integers(1, 1000))
    def promote(self, limit: int) -> None:
        """What was used often enough moves a step, each with a decision."""
        fit = {
            one_id: memory
            for namespace in NAMESPACES
            for one_id, memory in self.world.live(namespace).items()
            if memory.kind in ABOVE and memory.access_count > 1
        }
        moved = call(self.db, "promote", limit=limit, now=self.world.now)
        assert len({row["id"] for row in moved}) == len(moved) == min(limit, len(fit))
        assert {row["id"] for row in moved} <= set(fit)
        # from interact first: one may be merged into another that moves on in the same call
        for layer in ("interact", "insights"):
            above = {
                one_id
                for one_id, memory in self.world.memories.items()
                if (self.world.lives(memory) or memory.pinned)
                and memory.layer == {"interact": "insights", "insights": "assets"}[layer]
            }
            for row in moved:
                if row["layer"] == layer:
                    memory = self.world.memories[row["id"]]
                    assert (row["kind"], row["to_kind"]) == (memory.kind, ABOVE[memory.kind])
                    self._rise(row["id"], memory, above)

    def _rise(self, memory_id: UUID, memory: Memory, above: set[UUID]) -> None:
        """It moves, or is merged into its equal `above`, which `merged_into` names."""
        twin = value(
            self.db,
            "select merged_into from memory.promotions where id = %s and kind = %s"
            " order by at desc limit 1",
            memory_id,
            memory.kind,
        )
        equals = {
            one_id
            for one_id in above
            if memory.is_same(self.world.memories[one_id], memory.known_as, ABOVE[memory.kind])
        }
        if twin is None:
            assert not equals
            self.world.rise(memory_id)
        else:
            assert twin in equals
            self.world.merge(memory_id, twin)

    @rule(limit=st.integers(1, 10))
    def embed(self, limit: int) -> None:
        """A worker gives vectors to what waits, oldest first."""
        pending = call(self.db, "pending_embeddings", limit=limit, now=self.world.now)
        waiting = {
            one_id
            for namespace in NAMESPACES
            for one_id, memory in self.world.live(namespace).items()
            if memory.vector is None
        }
        assert [row["id"] for row in pending] == sorted(waiting)[:limit]
        vectors = self.vectors[: len(pending)]
        written = call(
            self.db,
            "write_embeddings",
            namespaces=[row["namespace"] for row in pending],
            ids=[row["id"] for row in pending],
            documents=[row["document"] for row in pending],
            embeddings=[HalfVector(one_vector) for one_vector in vectors],
            model="test-model",
        )
        assert {row["id"] for row in written} == {row["id"] for row in pending}
        for row, one_vector in zip(pending, vectors, strict=True):
            memory = self.world.memories[row["id"]]
            self.world.memories[row["id"]] = replace(memory, vector=tuple(one_vector.tolist()))

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        self.world.now += step
        while call(self.db, "make_partitions", now=self.world.now):
            pass

    # --- what must hold

    @rule(memory=known)
    def get(self, memory: UUID) -> None:
        for namespace in NAMESPACES:
            mine = self.world.live(namespace).get(memory)
            if mine is None:
                self._refused("ML404", "get", namespace=namespace, id=memory)
                continue
            row = one(self.db, "get", namespace=namespace, id=memory, now=self.world.now)
            assert (row["content"], row["kind"]) == (mine.content, mine.kind)
            assert row["expires_at"] == mine.expires_at
            assert row["has_embedding"] is (mine.vector is not None)
            assert row["access_count"] == mine.access_count
            assert row["rating_count"] == len(mine.ratings)

    @rule(limit=st.sampled_from((1, 2, 1000)))
    def expire(self, limit: int) -> None:
        """Pinned ones live on; nothing that lives is taken; what went can be asked about."""
        done = call(self.db, "expire", limit=limit, now=self.world.now)
        for row in done:
            if row["action"] == "renew":
                memory = self.world.memories[row["from_id"]]
                assert memory.pinned
                self.world.memories[row["from_id"]] = replace(
                    memory, expires_at=self.world.end_of_life(memory.layer)
                )
        if limit == 1000:
            assert all(self.world.lives(one) for one in self.world.memories.values() if one.pinned)
        left = {row[0] for row in self.db.execute("select id from memory._memories").fetchall()}
        gone = {
            one_id: self.world.memories.pop(one_id) for one_id in set(self.world.memories) - left
        }
        assert not [memory for memory in gone.values() if memory.pinned or self.world.lives(memory)]
        for one_id, memory in gone.items():
            if memory.layer == "assets":
                self.world.decisions[one_id, "expire"] += 1
            told = call(
                self.db, "history", namespace=memory.namespace, id=one_id, now=self.world.now
            )
            assert (told[-1]["event"], told[-1]["at"]) == ("expire", self.world.now)
        assert sum(row["records"] for row in done if row["action"] != "renew") == len(gone)
        self.world.dropped += sum(memory.layer != "assets" for memory in gone.values())

    @rule(memory=known)
    def history(self, memory: UUID) -> None:
        for namespace in NAMESPACES:
            mine = self.world.live(namespace).get(memory)
            if mine is not None:
                told = call(self.db, "history", namespace=namespace, id=memory, now=self.world.now)
                events = [row["event"] for row in told]
                assert events.count("created") == 1
                assert events.count("edited") == mine.edits
                # ratings of a merged memory stay in its own history
                assert events.count("rated") <= len(mine.ratings)

    @rule(
        namespace=st.sampled_from(NAMESPACES),
        word=st.sampled_from(WORDS),
        layers=st.none() | st.sampled_from((["interact"], ["insights", "assets"])),
    )
    def search_by_words(self, namespace: str, word: str, layers: list[str] | None) -> None:
        hits = call(
            self.db,
            "search",
            namespace=namespace,
            query=word,
            layers=layers,
            top_k=1000,
            now=self.world.now,
        )
        live = self.world.live(namespace)
        allowed = {
            one_id
            for one_id, memory in live.items()
            if layers is None or LAYERS[memory.kind] in layers
        }
        said = {one_id for one_id in allowed if live[one_id].word == word}
        found = {row["id"] for row in hits}
        assert len(found) == len(hits)
        # neighbours of a hit in its session may come along
        assert said <= found <= allowed
        assert all(row["namespace"] == namespace for row in hits)
        for row in hits:
            assert row["content"] == live[row["id"]].content

    @rule(namespace=st.sampled_from(NAMESPACES), probe=st.integers(0, 63), k=st.integers(1, 8))
    def search_by_vector(self, namespace: str, probe: int, k: int) -> None:
        question = self.vectors[probe].astype(np.float64)
        hits = call(
            self.db,
            "search",
            namespace=namespace,
            embedding=HalfVector(question),
            top_k=k,
            now=self.world.now,
        )
        known = {
            one_id: np.array(memory.vector)
            for one_id, memory in self.world.live(namespace).items()
            if memory.vector is not None
        }
        similarity = {
            one_id: one_vector @ question / np.linalg.norm(one_vector) / np.linalg.norm(question)
            for one_id, one_vector in known.items()
        }
        best = sorted(similarity.values(), reverse=True)[:k]
        assert [row["score"] for row in hits] == pytest.approx(best, abs=1e-3)
        for row in hits:
            assert row["score"] == pytest.approx(similarity[row["id"]], abs=1e-3)

    @invariant()
    def nothing_happens_without_a_decision(self) -> None:
        """Each decision is kept once, and nothing is kept that was not decided."""
        rows = self.db.execute(
            "select id, action, count(*), sum(records) from memory_data.decision"
            " where action <> 'keep' group by 1, 2"
        ).fetchall()
        about_one = {(one_id, action): count for one_id, action, count, _ in rows if one_id}
        about_many = {
            action: (count, records) for one_id, action, count, records in rows if not one_id
        }
        assert about_one == self.world.decisions
        assert about_many.pop("expire", (0, 0))[1] == self.world.dropped
        assert about_many.pop("compress", (0, 0))[0] == self.world.compressions
        assert about_many == {}

    @invariant()
    def counts_agree(self) -> None:
        """In one namespace after each step, for it costs more than most steps."""
        namespace = next(self.looked_at)
        live = self.world.live(namespace)
        for row in call(self.db, "list_layers", namespace=namespace, now=self.world.now):
            assert row["memories"] == sum(one.layer == row["layer"] for one in live.values())
        listed = call(self.db, "list_memories", namespace=namespace, limit=1000, now=self.world.now)
        assert {row["id"] for row in listed} == set(live)
        assert {row["namespace"] for row in listed} <= {namespace}

    def _refused(self, code: str, function: str, **arguments: Any) -> None:
        with pytest.raises(psycopg.Error) as caught, self.db.transaction():
            call(self.db, function, **arguments, now=self.world.now)
        assert caught.value.sqlstate == code
