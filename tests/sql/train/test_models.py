"""memory.store_model, activate_model, find_model, schedule_training and the view memory.models."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, refused, rows, session

if TYPE_CHECKING:
    from psycopg import Connection

COMBINATION = {"intercept": -1, "relevance": 2, "recency": 0, "frequency": 1, "importance": 0}


def stored(db: Connection[Any], name: str = "model", **more: Any) -> int:
    """A stored model; its id."""
    interval = {"value": 0.9, "low": 0.8, "high": 0.95}
    arguments: dict[str, Any] = {
        "name": name,
        "algorithm": "logistic regression",
        "layer": None,
        "horizon": None,
        "rows": 100,
        "features": ["idle"],
        "combination": COMBINATION,
        "artifact": b"x",
        "metrics": {
            "methods": {"relevance": {"auc": interval}, "fixed weighting": {"auc": interval}},
            "gains": {"fixed weighting": {"value": 0.1, "low": 0.05, "high": 0.2}},
        },
        "importances": {"idle": 0.1},
    }
    model: int = one(db, "store_model", **arguments | more)["id"]
    return model


def active(db: Connection[Any]) -> list[int]:
    return [row["id"] for row in rows(db, "select id from memory_data.model where active")]


def test_a_stored_model_is_found_and_not_active(db: Connection[Any]) -> None:
    model = stored(db, horizon=timedelta(hours=6), layer="interact", features=["idle", "age"])
    assert call(db, "find_model") == []
    found = one(db, "find_model", model=model)
    assert found == {
        "id": model,
        "name": "model",
        "algorithm": "logistic regression",
        "layer": "interact",
        "horizon": timedelta(hours=6),
        "features": ["idle", "age"],
        "artifact": b"x",
    }
    assert call(db, "find_model", model=0) == []


def test_one_model_is_active_at_most(db: Connection[Any]) -> None:
    first, second = stored(db, "first"), stored(db, "second")
    assert one(db, "activate_model", model=first) == {"id": first, "name": "first", "active": True}
    assert call(db, "activate_model", model=first) == []
    changed = call(db, "activate_model", model=second)
    assert {row["id"]: row["active"] for row in changed} == {first: False, second: True}
    assert one(db, "find_model")["id"] == second
    assert active(db) == [second]
    assert one(db, "activate_model", model=None)["active"] is False
    assert active(db) == []
    with refused(db, "ML404", "0"):
        call(db, "activate_model", model=0)


def test_a_name_is_taken_once(db: Connection[Any]) -> None:
    stored(db, "twin")
    with refused(db, "ML409", "twin"):
        stored(db, "twin")


@pytest.mark.parametrize("missing", [*COMBINATION])
def test_a_combination_has_all_its_weights(db: Connection[Any], missing: str) -> None:
    part = {name: weight for name, weight in COMBINATION.items() if name != missing}
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        stored(db, combination=part)


def test_models_tell_their_worth_and_whom_they_answer_for(db: Connection[Any]) -> None:
    ids = [one(db, "remember", namespace="n", content=f"{n}")["id"] for n in range(3)]

    def seen() -> dict[str, tuple[Any, ...]]:
        return {
            row["name"]: (row["active"], row["answers_for"], row["auc"], row["gain_at_least"])
            for row in rows(db, "select * from memory.models")
        }

    assert seen() == {"fixed weighting": (True, 3, None, None)}
    model = stored(db)
    call(db, "write_scores", namespaces=["n"] * 2, ids=ids[:2], scores=[0.5, 0.5], model=model)
    assert seen() == {"fixed weighting": (True, 3, None, None), "model": (False, 0, 0.9, 0.05)}
    call(db, "activate_model", model=model)
    assert seen() == {"fixed weighting": (False, 1, None, None), "model": (True, 2, 0.9, 0.05)}


def test_retraining_is_off_until_it_is_wished_for(db: Connection[Any]) -> None:
    def jobs() -> dict[str, tuple[Any, ...]]:
        return {
            row["name"]: (row["cron"], row["enabled"])
            for row in rows(
                db, "select * from memory_data.schedule where command like 'magray train%%'"
            )
        }

    assert jobs() == {"train": ("23 3 * * *", False), "score": ("41 * * * *", False)}
    answer = call(db, "schedule_training", cron="5 4 * * 1-5")
    assert {row["name"]: row["command"] for row in answer} == {
        "train": "magray train --if-ready",
        "score": "magray train --score-only --if-ready",
    }
    assert jobs() == {"train": ("5 4 * * 1-5", True), "score": ("41 * * * *", True)}
    call(db, "schedule_training", cron=None)
    assert jobs() == {"train": ("5 4 * * 1-5", False), "score": ("41 * * * *", False)}


@pytest.mark.parametrize("cron", ["0 3 * * mon", "@daily", "0 3 $ * *", "30 seconds"])
def test_retraining_takes_the_schedules_every_job_takes(db: Connection[Any], cron: str) -> None:
    assert one(db, "set_job", name="expire", cron=cron)["next_due"]
    answer = {row["name"]: row for row in call(db, "schedule_training", cron=cron)}
    assert (answer["train"]["cron"], answer["train"]["enabled"]) == (cron, True)


@pytest.mark.parametrize(
    "cron", ["", "daily", "* * * *", "* * * * * *", "1 2 3 4 5; drop", "@reboot", "0 0 30 2 *"]
)
def test_a_schedule_that_is_never_due_is_refused(db: Connection[Any], cron: str) -> None:
    with refused(db, "ML422", "never due", "Five fields"):
        call(db, "schedule_training", cron=cron)


def test_one_session_trains_at_a_time(clone_url: str) -> None:
    with session(clone_url) as second:
        with session(clone_url) as first:
            assert one(first, "lock_training") == {"lock_training": True}
            assert one(second, "lock_training") == {"lock_training": False}
        while not one(second, "lock_training")["lock_training"]:
            pass  # the first session is about to end
