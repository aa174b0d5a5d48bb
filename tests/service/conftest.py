"""The fixtures of the API tests serve here as well, and an embedding worker in a hurry."""

from __future__ import annotations

import pytest

from service.core.embedding import worker as worker_module
from tests.api.conftest import api, namespace, service

__all__ = ["api", "namespace", "service"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding worker that looks often and pauses shortly."""
    monkeypatch.setattr(worker_module, "_POLL", 0.05)
    monkeypatch.setattr(worker_module, "_SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE", 0.05)
