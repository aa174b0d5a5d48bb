"""Where the project's own files lie: beside this package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_BUNDLE = _PACKAGE / "_bundle"
_ROOT = _BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent

SQL_DIR = _ROOT / "sql"
ALEMBIC_DIR = _ROOT / "alembic"
