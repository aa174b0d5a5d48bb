"""memory.note_provider: since when the provider of embeddings fails, and what it said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, value

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


def test_a_failure_that_goes_on_keeps_its_beginning(db: Connection[Any]) -> None:
    first = one(db, "note_provider", model="m", error="503", retry_at=NOW + MINUTE, now=NOW)
    assert (first["failing_since"], first["error"]) == (NOW, "503")
    assert (first["retry_at"], first["noted_at"]) == (NOW + MINUTE, NOW)
    later = one(db, "note_provider", model="m", error="504", now=NOW + 5 * MINUTE)
    assert (later["failing_since"], later["error"]) == (NOW, "504")
    assert (later["retry_at"], later["noted_at"]) == (None, NOW + 5 * MINUTE)


def test_an_answer_ends_it(db: Connection[Any]) -> None:
    one(db, "note_provider", model="m", error="503", now=NOW)
    well = one(db, "note_provider", model="m", now=NOW + MINUTE)
    assert (well["failing_since"], well["error"], well["retry_at"]) == (None, None, None)
    again = one(db, "note_provider", model="m", error="503", now=NOW + 2 * MINUTE)
    assert again["failing_since"] == NOW + 2 * MINUTE


def test_what_nobody_spoke_of_for_long_is_another_failure(db: Connection[Any]) -> None:
    one(db, "note_provider", model="m", error="503", now=NOW)
    again = NOW + 5 * MINUTE + timedelta(microseconds=1)
    assert one(db, "note_provider", model="m", error="503", now=again)["failing_since"] == again


def test_each_model_is_a_row_and_long_words_are_cut(db: Connection[Any]) -> None:
    one(db, "note_provider", model="m", error="x" * 600)
    one(db, "note_provider", model="other")
    assert value(db, "select count(*) from memory_data.provider_state") == 2
    assert (
        value(db, "select length(error) from memory_data.provider_state where model = 'm'") == 500
    )


def test_the_worker_notes_it_and_not_the_service(db: Connection[Any]) -> None:
    db.execute("set local role memory_operator")
    assert len(call(db, "note_provider", model="m")) == 1
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(db, "note_provider", model="m")
