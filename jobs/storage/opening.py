"""What all stores share: how they are opened, made durable, and what their errors say.

Retries with jitter are the library's; credentials come from the environment or the machine's role.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.store import from_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_RETRY: Any = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}


def open_url(url: str, options: Mapping[str, Any] | None = None) -> Any:
    """Obstore's store of a URL.

    Args:
        url: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///…`.
        options: what it takes (`endpoint`, `region`, …); the environment has the rest.

    Raises:
        obstore.exceptions.BaseError: there is no such store.
        ValueError: it is no URL.
    """
    options = options or {}
    endpoint = options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL")
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT", "")
    client = {"allow_http": str(endpoint).startswith("http:") or url.startswith("http:")}
    make: Any = from_url  # typed for each kind of store; here it is the URL's
    return make(url, retry_config=_RETRY, client_options=client, **options)


def reason(error: Exception) -> str:
    """What went wrong, without the library's insides."""
    return str(error).partition("Debug source")[0].strip()[:600]


def sync(path: Path, root: Path) -> None:
    """Make a file and the way to it durable."""
    for place in (path, *path.parents):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if place == root:
            return
