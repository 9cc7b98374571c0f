"""What is not understood: a problem that names it, repeats nothing, and writes nothing."""

import asyncio
import json
from typing import Any

import pytest

from orchestrator.rest import bodies
from tests.contract.rest.conftest import BODY, PATHS, Rest
from tests.contract.rest.documented import Answer
from tests.harness.raw import connected
from tests.harness.waiting import wait_until

SECRET = "s3cr3t-value"
JSON = {"Content-Type": "application/json"}


async def _nothing_written(rest: Rest) -> None:
    assert await rest.front.backend.commands.redis.dbsize() == 0


def _fields(answer: Answer) -> list[str]:
    return [error["field"] for error in answer.json.get("errors", [])]


def _checked(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.kind) == (status, "application/problem+json"), answer
    problem = answer.json
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert SECRET not in answer.raw.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense " + SECRET.encode(),
        b'{"to": {"phoneNumber": "+16505550123"}} trailing',
        b'{"to": 1, "to": {"phoneNumber": "+16505550123"}}',
        b'{"to": {"phoneNumber": NaN}}',
        b'{"expiresIn": Infinity}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"expiresIn": ' + b"9" * 5_000 + b"}",
        b'\xff\xfe{"to"',
        b"\xed\xa0\x80",
        '{"to": {"phoneNumber": "+16505550123"}}'.encode("utf-16"),
        b'\xef\xbb\xbf{"to": {"phoneNumber": "+16505550123"}}',
        b"'single'",
        b"\x00" * 100,
    ],
)
async def test_a_body_that_is_not_json_is_400(rest: Rest, body: bytes) -> None:
    answer = await rest.ask("POST", PATHS[0], data=body, headers=JSON)

    _checked(answer, 400, "malformed_request")
    assert _fields(answer) == ["body"]
    await _nothing_written(rest)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        (7, "body"),
        ({}, "to"),
        ({"to": {}}, "to.phoneNumber"),
        ({"to": "+16505550123"}, "to"),
        ({"to": {"phoneNumber": 16505550123}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "6505550123"}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+0" + "1" * 10}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+1650555012" + "٣"}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "tel:" + SECRET}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+1" + "6" * 60_000}}, "to.phoneNumber"),
        (
            {"to": {"phoneNumber": "+16505550123", "forwardingNumberId": "1"}},
            "to.forwardingNumberId",
        ),
        ({**BODY, "from": {}}, "from"),
        ({**BODY, "from": {"phoneNumber": "+16505550100", "forwardingNumberId": "1"}}, "from"),
        ({**BODY, "from": {"forwardingNumberId": "a/b"}}, "from.forwardingNumberId"),
        ({**BODY, "callerId": {"phoneNumber": SECRET}}, "callerId.phoneNumber"),
        ({**BODY, "playPrompt": "yes"}, "playPrompt"),
        ({**BODY, "playPrompt": 1}, "playPrompt"),
        ({**BODY, "country": {"id": 1}}, "country.id"),
        ({**BODY, "country": {"id": ""}}, "country.id"),
        ({**BODY, "clientReference": "a" * 129}, "clientReference"),
        ({**BODY, "clientReference": "a\x00b"}, "clientReference"),
        ({**BODY, "clientReference": "\ud800"}, "clientReference"),
        ({**BODY, "clientReference": 5}, "clientReference"),
        ({**BODY, "expiresIn": 0}, "expiresIn"),
        ({**BODY, "expiresIn": 3601}, "expiresIn"),
        ({**BODY, "expiresIn": 60.0}, "expiresIn"),
        ({**BODY, "expiresIn": "60"}, "expiresIn"),
        ({**BODY, "expiresIn": True}, "expiresIn"),
        ({**BODY, "expiresIn": 10**400}, "expiresIn"),
        ({**BODY, "surprise": SECRET}, "surprise"),
        ({**BODY, "": 1}, "body"),
        ({**BODY, "\ud800": 1}, "body"),
        ({**BODY, "<script>": 1}, "?"),
        ({**BODY, "+16505550177": 1}, "?"),
    ],
)
async def test_a_field_that_is_not_usable_is_422(rest: Rest, body: Any, field: str) -> None:
    answer = await rest.ask("POST", PATHS[0], data=json.dumps(body).encode(), headers=JSON)

    _checked(answer, 422, "invalid_field")
    assert field in _fields(answer)
    assert "+16505550177" not in answer.raw.decode()
    await _nothing_written(rest)


async def test_many_faults_are_one_bounded_answer(rest: Rest) -> None:
    body = {f"x{number}": number for number in range(4_000)}

    answer = await rest.ask("POST", PATHS[0], json=body)

    _checked(answer, 422, "invalid_field")
    assert len(answer.raw) < 4_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bad", ["a%20b", "%2F", "%00", "a" * 65, "%FF", "~~", "1;x", "+1", "%0A~"])
async def test_a_path_that_is_not_understood_is_422(rest: Rest, path: str, bad: str) -> None:
    account = await rest.ask("POST", path.replace("account/~", f"account/{bad}"), json=BODY)
    extension = await rest.ask("GET", path.replace("extension/~", f"extension/{bad}") + "/call_1")

    for answer, name in ((account, "accountid"), (extension, "extensionid")):
        _checked(answer, 422, "invalid_field")
        assert [field.lower() for field in _fields(answer)] == [name]
    assert _fields(account) == (["accountid"] if path == PATHS[0] else ["accountId"])
    await _nothing_written(rest)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "bad", ["%2E%2E", "%2e", "a%20b", "a%2Fb", "%00", "%C3%A9", "a" * 257, "x%0A"]
)
async def test_an_id_that_is_not_understood_is_422(rest: Rest, method: str, bad: str) -> None:
    answer = await rest.ask(method, f"{PATHS[1]}/{bad}")

    _checked(answer, 422, "invalid_field")
    assert _fields(answer) == ["ringoutId"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Prefer", "wait"),
        ("Prefer", "wait=" + SECRET),
        ("Prefer", "wait=-1"),
        ("Prefer", "wait=1.5"),
        ("Prefer", "wait="),
        ("Prefer", "respond-async, wait=soon"),
        ("Idempotency-Key", ""),
        ("Idempotency-Key", '""'),
        ("Idempotency-Key", '"unclosed'),
        ("Idempotency-Key", "k" * 256),
        ("Idempotency-Key", "clé"),
        ("Idempotency-Key", '"a\tb"'),
        ("If-None-Match", "bare"),
        ("If-None-Match", '"a" "b"'),
        ("If-None-Match", 'w/"a"'),
        ("If-None-Match", '*, "a"'),
        ("Cache-Control", "max-age=old"),
        ("Cache-Control", "max-age"),
    ],
)
async def test_a_header_that_is_not_understood_is_400(rest: Rest, name: str, value: str) -> None:
    method, path = "POST", PATHS[0]
    if name in ("If-None-Match", "Cache-Control"):
        method, path = "GET", f"{PATHS[0]}/call_1"
    body = BODY if method == "POST" else None

    answer = await rest.ask(method, path, json=body, headers={name: value})

    _checked(answer, 400, "malformed_request")
    assert _fields(answer) == [name]
    await _nothing_written(rest)


async def test_two_idempotency_keys_are_400(rest: Rest) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]

    answer = await rest.ask("POST", PATHS[0], json=BODY, headers=headers)

    _checked(answer, 400, "malformed_request")
    assert _fields(answer) == ["Idempotency-Key"]
    await _nothing_written(rest)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": ""},
        {**JSON, "Content-Encoding": "gzip"},
        {**JSON, "Content-Encoding": "br"},
    ],
)
async def test_another_media_type_is_415(rest: Rest, headers: dict[str, str]) -> None:
    answer = await rest.ask("POST", PATHS[0], data=json.dumps(BODY).encode(), headers=headers)

    _checked(answer, 415, "unsupported_media_type")
    await _nothing_written(rest)


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json ; x=y"],
)
async def test_json_may_say_that_it_is_utf_8(rest: Rest, kind: str) -> None:
    data = json.dumps(BODY).encode()

    answer = await rest.ask("POST", PATHS[0], data=data, headers={"Content-Type": kind})

    assert answer.status == 202


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_64_kib_is_413(rest: Rest, *, chunked: bool) -> None:
    padding = b" " * (65_536 - len(json.dumps(BODY)))
    fits = json.dumps(BODY).encode() + padding

    async def pieces(body: bytes) -> Any:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    taken = await rest.ask("POST", PATHS[0], data=pieces(fits) if chunked else fits, headers=JSON)
    large = fits + b" "
    refused = await rest.ask(
        "POST", PATHS[0], data=pieces(large) if chunked else large, headers=JSON
    )

    assert taken.status == 202
    _checked(refused, 413, "body_too_large")


async def _raw(rest: Rest, request: bytes) -> tuple[int, dict[str, str], bytes]:
    async with connected(rest.url) as (reader, writer), asyncio.timeout(5):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("Content-Length", 0)))
    return int(head[0].split()[1]), headers, body


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense " + SECRET.encode() + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header: " + SECRET.encode() + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST " + PATHS[0].encode() + b" HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_a_problem_too(rest: Rest, request_: bytes) -> None:
    status, headers, body = await _raw(rest, request_)

    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert json.loads(body)["code"] == "malformed_request"
    assert SECRET.encode() not in body
    assert "Python" not in headers["Server"]


async def test_only_100_continue_is_an_expectation_that_is_met(rest: Rest) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: " + SECRET.encode() + b"\r\n\r\n"

    status, headers, body = await _raw(rest, head)

    assert (status, headers["Content-Type"]) == (417, "application/problem+json")
    assert json.loads(body)["code"] == "expectation_failed"
    assert SECRET.encode() not in body


def _half_a_body() -> bytes:
    return (
        f"POST {PATHS[0]} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 100\r\n\r\n{"
    ).encode()


async def test_a_body_that_does_not_come_is_408(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LONGEST_READ_S", 0.1)

    status, headers, body = await _raw(rest, _half_a_body())

    assert (status, headers["Connection"]) == (408, "close")
    assert json.loads(body)["code"] == "request_timeout"
    await _nothing_written(rest)


async def test_a_client_that_goes_away_is_no_error_of_ours(rest: Rest) -> None:
    async with connected(rest.url) as (_, writer):
        writer.write(_half_a_body())
        await writer.drain()
        writer.close()

    async def is_counted() -> bool:
        text = (await rest.ask("GET", "/metrics")).raw.decode()
        assert 'status="500"' not in text
        return 'ring-out",status="400"' in text

    await wait_until(is_counted)
    await _nothing_written(rest)


async def test_a_body_is_taken_after_100_continue(rest: Rest) -> None:
    assert (await rest.ask("POST", PATHS[0], json=BODY, expect100=True)).status == 202


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", PATHS[0], "OPTIONS, POST"),
        ("GET", PATHS[1], "OPTIONS, POST"),
        ("POST", PATHS[0] + "/call_1", "DELETE, GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/calls", "GET, HEAD, OPTIONS"),
        ("TRACE", "/livez", "GET, HEAD, OPTIONS"),
        ("PROPFIND", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_405(rest: Rest, method: str, path: str, allowed: str) -> None:
    answer = await rest.ask(method, path)
    options = await rest.ask("OPTIONS", path)

    _checked(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == options.headers["Allow"] == allowed
    assert options.status == 204


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        PATHS[0] + "/",
        PATHS[0] + "/a/b",
        "/V1/calls",
        "//",
        "/static/../app.py",
        "/static/%2E%2E%2Fapp.py",
        "/static/nope.js",
        "/problems/nope",
        "/%00",
    ],
)
async def test_another_path_is_404(rest: Rest, path: str) -> None:
    answer = await rest.ask("GET", path)

    _checked(answer, 404, "not_found")
    assert (await rest.ask("OPTIONS", "/nowhere")).status == 404
