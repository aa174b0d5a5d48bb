"""The memory against a dictionary: hypothesis walks through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import MemoryMachine

if TYPE_CHECKING:
    from psycopg import Connection


def test_the_memory_behaves_as_the_model(db: Connection[Any]) -> None:
    machine = type("Machine", (MemoryMachine,), {"db": db})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
