"""Where the project's own files lie: beside this package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BUNDLE = _HERE / "_bundle"
_ROOT = _BUNDLE if _BUNDLE.is_dir() else _HERE.parent

SQL_DIR = _ROOT / "sql"
ALEMBIC_DIR = _ROOT / "alembic"
