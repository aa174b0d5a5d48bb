"""The sections `[memory.…]`: policy that lives in the database's rows, and its defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MIB = 1 << 20
_CENTURY_DAYS = 36_525


class Section(BaseModel):
    """A section that takes no unknown key and no number without end, and stays as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LayerSettings(Section):
    """Policy of one layer. `ttl_hours` or `ttl_days`, not both; 0 is permanent.

    `archive_first`: what is evicted goes to the archive. `archive_after_days`: so does what nobody
    used for so long; None: nothing does.
    """

    ttl_hours: float | None = Field(None, ge=0, le=_CENTURY_DAYS * 24)
    ttl_days: float | None = Field(None, ge=0, le=_CENTURY_DAYS)
    max_size_mb: int = Field(gt=0)
    eviction_policy: Literal["lru_with_importance", "importance_based", "manual"]
    promotion_threshold: float | None = Field(None, ge=0, le=1)
    archive_first: bool = False
    archive_after_days: float | None = Field(None, ge=0.01)

    @model_validator(mode="after")
    def _archived_before_it_expires(self) -> LayerSettings:
        life = self._life()
        if self.archive_after_days and life and timedelta(days=self.archive_after_days) >= life:
            raise ValueError("archive_after_days must be less than the ttl, or nothing gets so old")
        return self

    @model_validator(mode="after")
    def _one_ttl(self) -> LayerSettings:
        if self.ttl_hours is not None and self.ttl_days is not None:
            raise ValueError("give ttl_hours or ttl_days, not both")
        return self

    @model_validator(mode="after")
    def _a_second_at_least(self) -> LayerSettings:
        if timedelta(0) < self._life() < timedelta(seconds=1):
            raise ValueError("a ttl is at least a second; 0 is permanent")
        return self

    def policy(self) -> dict[str, Any]:
        """The row of `memory_data.layer` as `memory.apply_policy` takes it."""
        life = self._life()
        return {
            "ttl": f"{life.total_seconds():.0f} seconds" if life else None,
            "max_bytes": self.max_size_mb * _MIB,
            "eviction_policy": self.eviction_policy,
            "promotion_threshold": self.promotion_threshold,
            "archive_first": self.archive_first,
            "archive_after": (
                f"{self.archive_after_days * 86_400:.0f} seconds"
                if self.archive_after_days
                else None
            ),
        }

    def _life(self) -> timedelta:
        return timedelta(hours=self.ttl_hours or 0, days=self.ttl_days or 0)


class InteractSettings(LayerSettings):
    """Layer interact: what happens now."""

    ttl_hours: float | None = Field(24, ge=0, le=_CENTURY_DAYS * 24)
    max_size_mb: int = Field(512, gt=0)
    eviction_policy: Literal["lru_with_importance", "importance_based", "manual"] = (
        "lru_with_importance"
    )
    promotion_threshold: float | None = Field(0.7, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _days_replace_hours(cls, values: Any) -> Any:
        if isinstance(values, dict) and "ttl_days" in values and "ttl_hours" not in values:
            return {**values, "ttl_hours": None}
        return values


class InsightsSettings(LayerSettings):
    """Layer insights: what was learned."""

    ttl_days: float | None = Field(90, ge=0, le=_CENTURY_DAYS)
    max_size_mb: int = Field(2048, gt=0)
    eviction_policy: Literal["lru_with_importance", "importance_based", "manual"] = (
        "importance_based"
    )
    promotion_threshold: float | None = Field(0.9, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _hours_replace_days(cls, values: Any) -> Any:
        if isinstance(values, dict) and "ttl_hours" in values and "ttl_days" not in values:
            return {**values, "ttl_days": None}
        return values


class AssetsSettings(InsightsSettings):
    """Layer assets: what stays."""

    ttl_days: float | None = Field(0, ge=0, le=_CENTURY_DAYS)
    max_size_mb: int = Field(8192, gt=0)
    eviction_policy: Literal["lru_with_importance", "importance_based", "manual"] = "manual"
    promotion_threshold: float | None = None


class LayersSettings(Section):
    """The three layers."""

    interact: InteractSettings = InteractSettings()
    insights: InsightsSettings = InsightsSettings()
    assets: AssetsSettings = AssetsSettings()

    @model_validator(mode="after")
    def _interact_and_insights_end(self) -> LayersSettings:
        for name in ("interact", "insights"):
            if getattr(self, name).policy()["ttl"] is None:
                raise ValueError(f"layer {name} needs a ttl: its partitions are dropped by time")
        return self


class PerformanceSettings(Section):
    """Indexes, caches and batches."""

    hnsw_m: int = Field(16, ge=2, le=100)
    hnsw_ef_construction: int = Field(200, ge=4, le=1000)
    hnsw_ef_search: int = Field(100, ge=1, le=1000)
    embedding_cache_size: int = Field(10_000, ge=0)
    query_cache_ttl_minutes: float = Field(30, ge=0)
    batch_size: int = Field(32, ge=1, le=1024)
    batch_timeout_ms: int = Field(100, ge=0, le=60_000)


class PressureSettings(Section):
    """When memory is under pressure, and what relieves it; see `memory.relieve_pressure`."""

    pressure_medium_percent: float = Field(75, gt=0)
    pressure_high_percent: float = Field(90, gt=0)
    pressure_hysteresis_percent: float = Field(5, ge=0)
    borrow_percent: float = Field(60, gt=0)
    borrow_limit_percent: float = Field(100, ge=0)
    archive_percent: float = Field(85, gt=0)
    total_max_mb: int | None = Field(None, gt=0)
    compress_cold_hours: int = Field(24, ge=0)
    compress_used_percent: float = Field(5, ge=0, le=100)
    compress_rerank: int = Field(300, ge=1, le=10_000)

    @model_validator(mode="after")
    def _something_is_left(self) -> PressureSettings:
        if self.pressure_medium_percent > self.pressure_high_percent:
            raise ValueError("pressure_medium_percent must be at most pressure_high_percent")
        # a relief evicts to 1.2 times this below the threshold
        if 1.2 * self.pressure_hysteresis_percent >= self.pressure_medium_percent:
            raise ValueError(
                "pressure_hysteresis_percent must be less than 5/6 of pressure_medium_percent,"
                " or a relief would empty the layer"
            )
        return self


class AccessSettings(Section):
    """What a role is shown: of `memory_analyst`, whether content and metadata of memories."""

    analyst_sees_content: bool = True


class MemorySettings(Section):
    """What MISSION's configuration calls `[memory]`: policy that lives in the database's rows."""

    layers: LayersSettings = LayersSettings()
    performance: PerformanceSettings = PerformanceSettings()
    pressure: PressureSettings = PressureSettings()
    access: AccessSettings = AccessSettings()

    def policy(self) -> dict[str, Any]:
        """Its part of what `memory.apply_policy` compares with the policy rows."""
        return {
            "layers": {
                name: getattr(self.layers, name).policy()
                for name in ("interact", "insights", "assets")
            },
            "settings": {
                **self.performance.model_dump(),
                **self.pressure.model_dump(),
                **self.access.model_dump(),
            },
        }
