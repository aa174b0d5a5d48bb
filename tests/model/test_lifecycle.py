"""The whole life of memories against the oracle, in a short form and a long one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.lifecycle import LifecycleMachine

if TYPE_CHECKING:
    from psycopg import Connection


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        (8, 30),
        pytest.param(15, 30, marks=pytest.mark.full),
        pytest.param(400, 60, marks=[pytest.mark.drill, pytest.mark.timeout(4 * 3600)]),
    ],
)
def test_lives_go_as_the_oracle_says(db: Connection[Any], examples: int, steps: int) -> None:
    machine = type("Machine", (LifecycleMachine,), {"db": db})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
