"""Where the service listens, and the URL it prints for that."""

from __future__ import annotations

import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.cli.listening import base_url, listen
from service.core.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::", "localhost"])  # noqa: S104
def test_the_printed_url_leads_to_the_listener(host: str) -> None:
    with listen(host, 0) as listener, ThreadPoolExecutor() as pool:
        asked = pool.submit(
            lambda: urllib.request.urlopen(base_url(listener) + "/x", timeout=20).read()  # noqa: S310
        )
        caller, _ = listener.accept()
        with caller:
            assert caller.recv(4096).startswith(b"GET /x ")
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert asked.result() == b"ok"


@pytest.mark.parametrize("host", ["300.1.1.1", "no.such.host.invalid", "a..b", "203.0.113.7"])
def test_an_address_that_is_not_of_this_machine_is_told(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        listen(host, 0)
    assert host in refused.value.message
    assert "Errno" not in refused.value.detail
    assert refused.value.hint == "MAGRAY_HOST=127.0.0.1 magray serve"


def test_of_a_taken_port_the_port_is_to_blame() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError) as refused:
        listen("127.0.0.1", taken.getsockname()[1])
    assert refused.value.hint == "MAGRAY_PORT=8081 magray serve"
