"""Rows of trained models."""

from __future__ import annotations

from datetime import timedelta  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct


class StoredModel(Struct, frozen=True, kw_only=True):
    """The id a trained model was stored with."""

    id: int


class ModelChange(Struct, frozen=True, kw_only=True):
    """A model that is in use now, or no more."""

    id: int
    name: str
    active: bool


class TrainedModel(Struct, frozen=True, kw_only=True):
    """A stored model: what it reads (`features`, in their order) and itself as bytes.

    `layer` null: learned from all layers. `horizon` null: each layer's own.
    """

    id: int
    name: str
    algorithm: str
    layer: str | None
    horizon: timedelta | None
    features: list[str]
    artifact: bytes
