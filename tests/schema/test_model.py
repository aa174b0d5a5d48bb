"""`migrate` with another embedding model: vectors of two models are never mixed."""

from __future__ import annotations

from typing import Any

import pytest

from service.core.migrate import Model, migrate
from tests.conftest import DIM, MODEL
from tests.sql.calls import call, found, one, refused, rows, session, value, vector

KINDS = ("user_interaction", "pattern", "core_concept")


def seed(url: str) -> None:
    with session(url) as db:
        for kind in KINDS:
            one(db, "remember", namespace="n", content=f"a {kind}", kind=kind, embedding=vector(1))
        one(db, "remember", namespace="n", content="without a vector")


def vectors(db: Any) -> int:
    return value(db, "select count(embedding) from memory._memories")


def test_the_same_model_again_keeps_everything(clone_url: str) -> None:
    seed(clone_url)
    migrate(clone_url, Model(name=MODEL, dim=DIM))
    with session(clone_url) as db:
        assert vectors(db) == 3
        migrate(clone_url, None)
        assert vectors(db) == 3


@pytest.mark.parametrize("model", [Model(name="other", dim=DIM), Model(name=MODEL, dim=DIM + 1)])
def test_another_model_is_refused_while_there_are_vectors(clone_url: str, model: Model) -> None:
    seed(clone_url)
    with session(clone_url) as db:
        with refused(db, "ML409", MODEL, "3 memories"):
            migrate(clone_url, model)
        assert vectors(db) == 3
        assert found(db, "n", embedding=vector(1))


@pytest.mark.parametrize("dim", [DIM, 3, 1200, 1201, 3072, 4000])
@pytest.mark.parametrize("name", ["other", MODEL])
def test_replaced_vectors_wait_to_be_made_anew(clone_url: str, name: str, dim: int) -> None:
    seed(clone_url)
    migrate(clone_url, Model(name=name, dim=dim, replace=True))
    if (name, dim) == (MODEL, DIM):
        return
    with session(clone_url) as db:
        assert vectors(db) == 0
        (active,) = rows(db, "select name, dim from memory_data.embedding_model where active")
        assert active == {"name": name, "dim": dim}
        sizes = rows(
            db,
            "select size, octet_length(content) + pg_column_size(search)"
            " + pg_column_size(metadata) as bytes from memory._memories",
        )
        assert all(abs(row["size"] - row["bytes"]) <= 9 for row in sizes)
        pending = call(db, "pending_embeddings")
        assert len(pending) == 4
        written = call(
            db,
            "write_embeddings",
            namespaces=["n"] * 4,
            ids=[row["id"] for row in pending],
            documents=[row["document"] for row in pending],
            embeddings=[vector(1, i, dim=dim) for i in range(4)],
            model=name,
        )
        assert len(written) == 4
        assert len(found(db, "n", embedding=vector(1, dim=dim))) == 4
        with refused(db, "ML422", str(dim)):
            call(db, "search", namespace="n", embedding=vector(1, dim=dim - 1))


def test_an_empty_database_takes_any_model(clone_url: str) -> None:
    migrate(clone_url, Model(name="first", dim=16))
    migrate(clone_url, Model(name="second", dim=2000))
    with session(clone_url) as db:
        one(db, "remember", namespace="n", content="x", embedding=vector(1, dim=2000))
        assert found(db, "n", embedding=vector(1, dim=2000)) == ["x"]


@pytest.mark.parametrize(("dim", "covering"), [(384, True), (1200, True), (1201, False)])
def test_vectors_that_fit_an_index_row_are_covered(
    clone_url: str, dim: int, covering: bool
) -> None:
    migrate(clone_url, Model(name="other", dim=dim))
    with session(clone_url) as db:
        partitions = value(db, "select count(*) from memory._layer_partitions(now())")
        planned = call(db, "plan_indexes")
        assert len(planned) == partitions
        for row in planned:
            db.execute(row["statement"])
        definitions = rows(db, "select indexdef from pg_indexes where indexname ~ '_exact$'")
        assert len(definitions) == partitions
        assert all(("embedding)" in row["indexdef"].lower()) is covering for row in definitions)
        # the largest vector that fits does fit
        memories = [{"content": f"{i}", "kind": KINDS[i % 3]} for i in range(9)]
        full = [vector(*([0.1 + i] * dim), dim=dim) for i in range(9)]
        call(db, "remember_many", namespace="n" * 200, memories=memories, embeddings=full)
        assert vectors(db) == 9


def test_hnsw_indexes_go_with_the_dimension_and_are_earned_again(clone_url: str) -> None:
    seed(clone_url)
    with session(clone_url) as db:
        db.execute("update memory_data.layer set index_rows = 1")
        db.execute("update memory_data.setting set value = '0' where key = 'exact_rows'")
        db.execute("analyze")
        for row in call(db, "plan_indexes"):
            db.execute(row["statement"])
        count = "select count(*) from pg_indexes where indexdef like '%%USING hnsw%%'"
        built = value(db, count)
        assert built == 3
        migrate(clone_url, Model(name="other", dim=16, replace=True))
        assert value(db, count) == 0
        planned = [row for row in call(db, "plan_indexes") if "hnsw" in row["statement"]]
        for row in planned:
            db.execute(row["statement"])
        assert value(db, count) == len(planned) == built


def test_failures_of_the_old_model_do_not_delay_the_new_one(clone_url: str) -> None:
    with session(clone_url) as db:
        made = one(db, "remember", namespace="n", content="too hard")
        call(db, "note_embedding_failure", namespace="n", id=made["id"], error="x")
        assert call(db, "pending_embeddings") == []
        migrate(clone_url, Model(name="other", dim=16, replace=True))
        assert len(call(db, "pending_embeddings")) == 1


def test_a_model_used_before_comes_back_with_its_id(clone_url: str) -> None:
    with session(clone_url) as db:
        before = value(db, "select id from memory_data.embedding_model where active")
        migrate(clone_url, Model(name="other", dim=16, replace=True))
        migrate(clone_url, Model(name=MODEL, dim=DIM, replace=True))
        assert value(db, "select id from memory_data.embedding_model where active") == before
