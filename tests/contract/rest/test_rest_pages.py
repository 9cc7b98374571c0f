"""What is served for probes, scrapers and people."""

import json
import re
from html.parser import HTMLParser

import aiohttp
import pytest
import structlog
from aiohttp import web
from openapi_spec_validator import validate

from orchestrator.rest import server
from orchestrator.rest.problem_kinds import KINDS
from orchestrator.settings import Settings
from tests.contract.rest.conftest import PATHS, Rest, started

PAGES = ("/", "/docs", "/openapi.json", "/static/console.js", "/static/docs.css")


class _References(HTMLParser):
    """What a page loads and runs."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe") or (tag == "link" and "href" in given):
            self.loaded.append(given.get("src") or given.get("href") or "inline")
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style":
            self.inline.append(tag)


async def test_it_lives_and_is_ready(rest: Rest) -> None:
    assert (await rest.ask("GET", "/livez")).json == {"status": "alive"}
    assert (await rest.ask("GET", "/readyz")).json == {"status": "ready"}


async def test_a_process_that_ends_is_not_ready(rest: Rest) -> None:
    rest.waits.drain()

    answer = await rest.ask("GET", "/readyz")

    assert (answer.status, answer.json["code"]) == (503, "not_ready")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Connection"] == "close"
    assert (await rest.ask("GET", "/livez")).status == 200


async def test_metrics_have_bounded_labels(rest: Rest) -> None:
    await rest.placed()
    await rest.ask("GET", f"{PATHS[0]}/call_1")
    await rest.ask("GET", "/no/such/path")
    await rest.ask("PROPFIND", "/")

    answer = await rest.ask("GET", "/metrics")

    text = answer.raw.decode()
    many = "/v1/restapi/v1-0/account/{accountid}/extension/{extensionid}/ring-out"
    assert f'http_requests_total{{method="POST",route="{many}",status="202"}} 1.0' in text
    assert f'method="GET",route="{many}/{{ringoutid}}",status="404"' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="other",route="unmatched",status="405"' in text
    for name in (
        "ringout_build_info{version=",
        "ringout_http_request_duration_seconds_bucket",
        "ringout_http_requests_in_flight 1.0",
        "process_resident_memory_bytes",
    ):
        assert name in text
    assert "call_1" not in text
    assert "such" not in text


async def test_metrics_come_as_openmetrics_where_asked_for(rest: Rest) -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}

    answer = await rest.ask("GET", "/metrics", headers=headers)

    assert answer.kind == "application/openmetrics-text"
    assert answer.raw.endswith(b"# EOF\n")


async def test_the_openapi_document_is_valid_and_whole(rest: Rest) -> None:
    document = (await rest.ask("GET", "/openapi.json")).json

    validate(document)
    assert document["openapi"].startswith("3.1")
    names = {
        operation["operationId"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    for name in ("createringoutcall", "readringoutcallstatus", "deleteringoutcall"):
        assert {name, f"{name}-alias"} <= names
    served = {resource.canonical for resource in rest.app.router.resources()}
    static = {path for path in served if path.startswith("/static/")}
    assert set(document["paths"]) == served - static | {"/static/{file}"}


async def test_every_operation_says_what_may_go_wrong(rest: Rest) -> None:
    document = (await rest.ask("GET", "/openapi.json")).json

    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["summary"], path
            assert operation["description"], path
            assert {"400", "500"} <= set(operation["responses"]), path
            for status, response in operation["responses"].items():
                if status[0] in "45" and not path.startswith("/restapi/oauth/"):
                    assert list(response["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_load_nothing_from_elsewhere(rest: Rest, path: str) -> None:
    answer = await rest.ask("GET", path)

    page = _References()
    page.feed(answer.raw.decode())
    assert page.inline == []
    assert page.loaded
    for target in page.loaded:
        assert (await rest.ask("GET", target)).status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_docs_name_every_operation(rest: Rest) -> None:
    document = (await rest.ask("GET", "/openapi.json")).json
    page = (await rest.ask("GET", "/docs")).raw.decode()

    for path, item in document["paths"].items():
        assert path in page
        for method, operation in item.items():
            if method != "parameters":
                assert f'id="{operation["operationId"]}"' in page
    assert "<script" not in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_not_sent_again(rest: Rest, path: str) -> None:
    tag = (await rest.ask("GET", path)).headers["ETag"]

    answer = await rest.ask("GET", path, headers={"If-None-Match": tag})

    assert (answer.status, answer.raw) == (304, b"")
    assert (await rest.ask("HEAD", path)).status == 200


@pytest.mark.parametrize("code", list(KINDS))
async def test_every_kind_of_problem_is_explained(rest: Rest, code: str) -> None:
    answer = await rest.ask("GET", f"/problems/{code}")

    assert answer.json["code"] == code
    assert answer.json["meaning"]


async def test_an_error_of_ours_is_a_problem_without_details(
    alone: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = structlog.testing.CapturingLogger()
    monkeypatch.setattr(server, "log", structlog.wrap_logger(logged, processors=[]))

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("s3cr3t")

    async with started(alone, web.get("/broken", broken)) as rest:
        async with aiohttp.request("GET", f"{rest.url}/broken") as response:
            body = await response.text()
        metrics = (await rest.ask("GET", "/metrics")).raw.decode()

    assert (response.status, response.content_type) == (500, "application/problem+json")
    assert json.loads(body)["code"] == "internal_error"
    assert "s3cr3t" not in body
    assert 'route="/broken",status="500"' in metrics
    (line,) = logged.calls
    assert (line.method_name, repr(line.kwargs["exc_info"])) == ("error", "RuntimeError('s3cr3t')")


async def test_nothing_tells_what_it_runs_on(rest: Rest) -> None:
    for path in ("/", "/livez", "/nope", f"{PATHS[0]}/call_1"):
        answer = await rest.ask("GET", path)
        assert answer.headers["Server"] == "ringout"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
