"""Log lines: JSON for programs, plain for people, and never a key, a memory or a variable."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from service.core.logs import configure_logs
from service.core.settings import Settings
from tests.api.running import problem, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.anyio

SECRET = "Zwiebelkuchen"  # noqa: S105 - it stands for what a memory says


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The logging of the other tests afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("style", ["json", "console"])
async def test_nothing_secret_reaches_the_log(
    clone: Callable[[], str],
    style: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logs(Settings.model_validate({"log_format": style, "log_level": "debug"}))
    async with running(clone()) as service:
        key = await service.key()
        client = service.client(key)

        async def fail(*values: Any, **named: Any) -> None:
            local = f"{SECRET} {values} {named}"
            raise RuntimeError(f"a fault of ours ({len(local)})")

        memory = {"namespace": "n", "content": SECRET, "metadata": {"speaker": SECRET}}
        for body in (
            {"memories": [memory]},
            {"memories": [{**memory, "ttl": SECRET}]},  # PostgreSQL quotes what it cannot read
            {"memories": [{**memory, "content": SECRET + "\x00"}]},
            {"memories": [{**memory, "kind": SECRET.lower()}]},
            {"memories": [memory], "surplus": SECRET},
        ):
            await client.post("/v1/memories", json=body)
        await client.post("/v1/search", json={"namespace": "n", "query": SECRET})
        service.embedder.down = True
        await client.post("/v1/search", json={"namespace": "n", "query": SECRET + " again"})
        service.embedder.down = False
        monkeypatch.setattr(service.backend.memory, "get", fail)
        answer = await client.get(
            "/v1/memories/01a209d9-e3e3-77da-be23-e6d3b884dc3e", params={"namespace": "n"}
        )
        problem(answer, 500, code="ML500")
        assert "fault of ours" not in answer.text
    logged = capsys.readouterr().err
    assert "RuntimeError" in logged
    assert answer.headers["x-request-id"] in logged
    assert SECRET.lower() not in logged.lower()
    assert key not in logged
    assert key[10:] not in logged
    if style == "json":
        for line in logged.splitlines():
            assert {"event", "level", "timestamp", "logger"} <= set(json.loads(line))


async def test_lines_of_libraries_look_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings.model_validate({"log_format": "json"}))
    logging.getLogger("some.library").warning("said %s", "this")
    logging.getLogger("uvicorn").info("hidden")
    structlog.get_logger("magray.test").debug("hidden too")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "said this"
    assert json.loads(line)["logger"] == "some.library"
