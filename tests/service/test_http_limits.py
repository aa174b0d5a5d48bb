"""What a request may be, shown on a real service by raw sockets: no header stops it."""

from __future__ import annotations

import json
import socket
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.serving import Running, serving
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1 << 20
ALIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
STORE = b"POST /v1/memories HTTP/1.1\r\nHost: x\r\n"
# KEY: the key of the service
WITH_KEY = STORE + b"Authorization: Bearer KEY\r\n"
CHUNKED = WITH_KEY + b"Transfer-Encoding: chunked\r\n\r\n"
FORM = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """With short patience, so that a test of it is."""
    with serving(MAGRAY_HTTP__HEADER_SECONDS="1", MAGRAY_HTTP__BODY_SECONDS="1") as made:
        yield made


@pytest.fixture(autouse=True)
def goes_on(service: Running) -> Iterator[None]:
    """Whatever it was sent, it serves, and counts no error of its own."""
    yield
    assert status(talk(service, ALIVE + b"Connection: close\r\n\r\n")) == 200
    metrics = urllib.request.urlopen(service.base + "/metrics").read().decode()  # noqa: S310
    assert 'status_code="5' not in metrics


def connect(service: Running) -> socket.socket:
    where = urlsplit(service.base)
    return socket.create_connection((where.hostname, where.port), timeout=60)


def talk(service: Running, *sent: bytes) -> bytes:
    """All that is answered until the service hangs up; it is read when all is sent."""
    with connect(service) as connection:
        for piece in sent:
            connection.sendall(piece.replace(b"KEY", service.key.encode(), 1))
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def refusal(answer: bytes, expected: int) -> None:
    """One answer: a problem of this status."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(head) == expected, answer[:500]
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (expected, f"ML{expected}")
    assert problem["title"]
    assert problem["hint"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([ALIVE + b"X: ", b"a" * (64 * MB)], 431),
        ([ALIVE, b"a" * (16 * MB)], 431),
        ([ALIVE, b"a: b\r\n" * 200_000], 431),
        ([ALIVE, b"a: b\r\n" * 300], 431),
        ([ALIVE + b"Cookie: ", b"a=b; " * 20_000], 431),
        ([b"\r\n" * (8 * MB)], 431),
        ([b"GET /", b"a" * (64 * MB)], 414),
        ([b"GET /health/live?", b"a=b&" * 3000], 414),
        ([STORE + b"Content-Length: %d\r\n\r\n" % (65 * MB), b" " * (65 * MB)], 413),
        ([STORE + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (65 * MB)], 413),
        ([CHUNKED + b"2\r\n{}\r\n1;", b"a" * (16 * MB)], 431),
        ([CHUNKED, *[b"1;" + b"a" * 60_000 + b"\r\n \r\n"] * 100], 431),
        ([CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"a" * (16 * MB)], 431),
        ([CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n" * 200_000], 431),
    ],
    ids=[
        "one header",
        "one name",
        "many headers",
        "some headers",
        "cookies",
        "empty lines",
        "request line",
        "query",
        "length",
        "expect",
        "extension",
        "extensions",
        "trailer",
        "trailers",
    ],
)
def test_what_is_too_much_is_refused_while_it_comes(
    service: Running, sent: list[bytes], expected: int
) -> None:
    refusal(talk(service, *sent), expected)


def test_a_body_without_a_length_is_counted(service: Running) -> None:
    chunk = b"%x\r\n" % MB + b" " * MB + b"\r\n"
    answer = talk(service, CHUNKED, *[chunk] * 65)
    refusal(answer, 413)


def test_what_is_within_the_limits_is_served(service: Running) -> None:
    for line in (b"X: " + b"a" * 60_000, b"a: b\r\n" * 190 + b"c: d"):
        assert status(talk(service, ALIVE + b"Connection: close\r\n" + line + b"\r\n\r\n")) == 200
    # a parameter nobody knows is refused by its name, by who has read all of it
    long = b"GET /health/live?" + b"a" * 7000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(service, long)
    assert status(answer) == 400
    assert b"a" * 7000 in answer
    body = b'{"namespace": "n", "query": "x"}'
    head = b"POST /v1/search HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += b"Authorization: Bearer KEY\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body + b" " * 60_000) + b"0\r\n\r\n"
    assert status(talk(service, head + b"Transfer-Encoding: chunked\r\n\r\n", chunks)) == 200
    expecting = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert talk(service, head + expecting, body).startswith(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"
    )


def test_requests_one_behind_the_other_are_each_answered(service: Running) -> None:
    answer = talk(service, (ALIVE + b"\r\n") * 5 + ALIVE + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 6
    # what comes behind an answered one is refused by itself
    answer = talk(service, ALIVE + b"\r\n", ALIVE + b"X: ", b"a" * MB)
    first, _, second = answer.partition(b'{"status":"ok"}')
    assert status(first) == 200
    refusal(second, 431)


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_a_form_is_a_few_kilobytes(service: Running, closing: bytes) -> None:
    """Its sender comes to read the answer, though he sends everything before he looks."""
    size = 62 * MB
    for head, sent in (
        (b"Content-Length: %d\r\n\r\n" % size, b"a" * size),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n"),
    ):
        with connect(service) as connection, connection.makefile("rb") as answers:
            connection.sendall(FORM + closing + head)
            connection.sendall(sent)
            assert answered(answers) == 413


def test_eight_large_forms_at_once_do_not_stay(service: Running) -> None:
    process, size = psutil.Process(service.process.pid), 62 * MB
    before = process.memory_info().rss
    connections = [connect(service) for _ in range(8)]
    for connection in connections:
        connection.sendall(FORM + b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(62):
        for connection in connections:
            connection.sendall(b"a" * MB)
    assert process.memory_info().rss - before < 100 * MB
    for connection in connections:
        assert status(connection.recv(1 << 16)) == 413
        connection.close()


@pytest.mark.parametrize(
    ("begin", "expected"),
    [(ALIVE, 408), (b"G", 408), (STORE + b"Content-Length: 5\r\n\r\n{", 401), (b"", None)],
    ids=["head", "method", "body", "nothing"],
)
def test_who_does_not_go_on_is_not_waited_for(
    service: Running, begin: bytes, expected: int | None
) -> None:
    answer = talk(service, begin)
    assert (status(answer) if answer else None) == expected


def test_a_body_that_stops_coming_is_given_up(service: Running) -> None:
    refusal(talk(service, WITH_KEY + b"Content-Length: 5\r\n\r\n{"), 408)


def test_a_drip_is_given_up_too(service: Running) -> None:
    """However often a byte comes."""
    with connect(service) as connection:
        connection.sendall(ALIVE + b"X: ")
        connection.settimeout(0.05)
        answer = b""
        while not answer:
            try:
                connection.send(b"a")
                answer = connection.recv(1 << 16)
            except TimeoutError:
                pass
    refusal(answer, 408)


@pytest.mark.parametrize(
    "sent",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500,
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        ALIVE + b"X: \x00\r\n\r\n",
        ALIVE + b"X : y\r\n\r\n",
        STORE + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n",
        STORE + b"Content-Length: -1\r\n\r\n",
        STORE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        STORE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        CHUNKED + b"zz\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_problem(service: Running, sent: bytes) -> None:
    answer = talk(service, sent)
    assert status(answer) in {400, 401}, answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c", b"TLS/1.0", b"\xff"])
def test_who_asks_for_another_protocol_is_answered_in_this_one(
    service: Running, upgrade: bytes
) -> None:
    head = b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\nSec-WebSocket-Version: 13\r\n"
    assert status(talk(service, ALIVE + head + b"\r\n")) == 200


NAMES = [
    b"%00",
    b"%",
    b"%zz",
    b"%ff",
    b"%c0%af",
    b"%ed%a0%80",
    b"%f0%9f%99%82",
    b"a%00b",
    b"a" * 300,
    b"a" * 5000,
    b"..%2f..%2fetc%2fpasswd",
    b"%2e%2e/%2e%2e/x",
    b"%0d%0aX:%20y",
    b"9" * 40,
    b"-1",
]


@pytest.mark.parametrize(
    "path",
    [
        "/{}",
        "/assets/{}",
        "/assets/htmx/{}",
        "/schema/{}",
        "/schema/assets/{}",
        "/panel/{}",
        "/v1/memories/{}",
        "/v1/memories/{}/history",
        "/v1/backups/{}/verify",
        "/v1/backups/runs/{}",
        "/v1/alerts/{}/acknowledge",
        "/v1/memories?namespace={}",
        "/v1/memories?namespace=n&cursor={}",
        "/v1/decisions?namespace=n&id={}",
        "/v1/decisions?namespace=n&since={}",
        "/v1/kpis/history?kpi={}",
        "/search?namespace={}&query=x",
        "/why?namespace=n&id={}",
    ],
)
def test_no_name_is_too_odd(service: Running, path: str) -> None:
    """404 for what is not there, 400 for what cannot be: never a fault of ours."""
    key, cookie = service.key.encode(), logged_in(service)
    with connect(service) as connection, connection.makefile("rb") as answers:
        for name in NAMES:
            for method in (b"GET", b"POST", b"DELETE"):
                connection.sendall(
                    b"%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nCookie: %s\r\n"
                    b"Content-Length: 0\r\n\r\n"
                    % (method, path.encode().replace(b"{}", name), key, cookie)
                )
                assert 200 <= answered(answers) < 500, (method, name)


VALUES = [
    b"",
    b"\xff\xfe",
    b"\xd0\xbf",
    b"a" * 8000,
    b"a, b",
    b";;;=",
    b"%00",
    b'"',
    b"-1",
    b"[::1",
    b"a:99999999",
    b"multipart/form-data; boundary=\xff",
    b"text/plain; charset=x",
    b"magray=" + b"\xff" * 10,
    b"Bearer \xff",
    b"bytes=9-",
    b'W/"a"',
]


@pytest.mark.parametrize(
    "name",
    [
        b"Host",
        b"Authorization",
        b"Cookie",
        b"Content-Type",
        b"Accept",
        b"Idempotency-Key",
        b"X-Request-ID",
        b"X-Forwarded-Proto",
        b"Origin",
        b"If-Match",
        b"If-None-Match",
        b"Range",
        b"If-Modified-Since",
        b"Content-Encoding",
        b"hx-request",
        b"traceparent",
    ],
)
def test_no_header_is_too_odd(service: Running, name: bytes) -> None:
    """Nor too often there."""
    key = service.key.encode()
    memory = b'{"memories": [{"namespace": "odd", "content": "x"}]}'
    with connect(service) as connection, connection.makefile("rb") as answers:
        for value in VALUES:
            for times in (1, 2):
                header = (name + b": " + value + b"\r\n") * times
                for line, body in (
                    (b"GET /", b""),
                    (b"GET /assets/style.css", b""),
                    (b"POST /login", b"key=a"),
                    (b"GET /v1/layers?namespace=odd", b""),
                    (b"POST /v1/memories", memory),
                ):
                    connection.sendall(
                        b"%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s"
                        b"Content-Length: %d\r\n\r\n%s" % (line, key, header, len(body), body)
                    )
                    assert 200 <= answered(answers) < 500, (line, value)


def answered(answers: Any) -> int:
    """The status of the next answer on a connection, its body read."""
    found = int(answers.readline().split(b" ")[1])
    length = 0
    while (line := answers.readline()) != b"\r\n":
        header, _, value = line.partition(b":")
        if header == b"content-length":
            length = int(value)
    answers.read(length)
    return found


def logged_in(service: Running) -> bytes:
    form = b"key=" + service.key.encode()
    head = FORM + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(form)
    cookie = talk(service, head + form).partition(b"set-cookie: ")[2].partition(b";")[0]
    assert cookie.startswith(b"magray=")
    return cookie


@pytest.mark.parametrize("path", [b"/v1/memories", b"/login", b"/v1/search"])
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5000\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\n{",
        b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
    ],
    ids=["length", "chunked", "expect"],
)
def test_an_upload_broken_off_is_the_callers(service: Running, path: bytes, rest: bytes) -> None:
    """It is in the log as that, and no error was counted: see goes_on."""
    request_id = uuid.uuid4().hex
    with connect(service) as connection:
        connection.sendall(
            b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nX-Request-ID: %s\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n%s"
            % (path, service.key.encode(), request_id.encode(), rest)
        )
    until(lambda: request_id in service.log.read_text(), "the request in the log")
    (line,) = [line for line in service.log.read_text().splitlines() if request_id in line]
    assert '"status": 499' in line
