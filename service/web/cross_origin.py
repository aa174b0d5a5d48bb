"""Pages of other origins that may call the service from a browser: those the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.config.cors import CORSConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a page may read of an answer beside its body.
_EXPOSED = ["ETag", "Location", "Retry-After", "X-Request-ID"]


def cross_origin(origins: Sequence[str]) -> CORSConfig | None:
    """Which origins browsers let call, with every method and header; None: no other one.

    A preflight is answered before a key is asked for, for browsers send none with it. No cookie is
    let through: the dashboard's session is for its own pages.
    """
    if not origins:
        return None
    return CORSConfig(allow_origins=list(origins), expose_headers=_EXPOSED)
