"""The fixtures of the API tests serve here as well."""

from __future__ import annotations

from tests.api.conftest import api, namespace, service

__all__ = ["api", "namespace", "service"]
