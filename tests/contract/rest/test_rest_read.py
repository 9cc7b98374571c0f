"""GET: from the cache, with what HTTP has to say about caches."""

import asyncio

import pytest

from orchestrator.domain import calls
from orchestrator.runtime import now
from tests.contract.rest.conftest import HUNG_UP, PATHS, TALKING, Rest
from tests.contract.rest.documented import Answer
from tests.harness.waiting import wait_until


async def _read(rest: Rest, call_id: str, path: str = PATHS[0], **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await rest.ask("GET", f"{path}/{call_id}", headers=named)


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_is_read_from_the_cache(rest: Rest, path: str) -> None:
    call_id = await rest.placed()

    answer = await _read(rest, call_id, path)

    assert answer.status == 200
    assert answer.headers["Cache-Status"] == "ringout; hit"
    assert answer.headers["Age"] == "0"
    assert answer.headers["ETag"] == f'W/"{call_id}.1"'
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_a_call_is_read_by_ringcentrals_id_too(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id, "Y3MxNzI2OA~~@10.14.23.45:80+a=b-c")

    answer = await _read(rest, "Y3MxNzI2OA~~@10.14.23.45:80+a=b-c", PATHS[1])

    assert answer.json["id"] == call_id


async def test_age_counts_from_the_last_observation(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.take(call_id)
    earlier = now() - 5_000

    await rest.change(call_id, lambda c: calls.placed(c, earlier, "fence", "s-1", TALKING))

    assert (await _read(rest, call_id)).headers["Age"] == "5"


async def test_each_change_is_another_etag(rest: Rest) -> None:
    call_id = await rest.placed()
    tags = [(await _read(rest, call_id)).headers["ETag"]]
    await rest.take(call_id)
    tags.append((await _read(rest, call_id)).headers["ETag"])

    assert tags == [f'W/"{call_id}.1"', f'W/"{call_id}.2"']


@pytest.mark.parametrize(
    "known", ['W/"{id}.1"', '"{id}.1"', '"x", W/"{id}.1" , "y"', "*", ' W/"{id}.1"']
)
async def test_what_is_known_is_not_sent_again(rest: Rest, known: str) -> None:
    call_id = await rest.placed()

    answer = await _read(rest, call_id, If_None_Match=known.replace("{id}", call_id))

    assert (answer.status, answer.raw) == (304, b"")
    assert answer.headers["ETag"] == f'W/"{call_id}.1"'
    assert answer.headers["Cache-Status"] == "ringout; hit"
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("known", ['"other.1"', 'W/"{id}.2"', 'W/"{id}.11"'])
async def test_what_is_not_known_is_sent(rest: Rest, known: str) -> None:
    call_id = await rest.placed()

    answer = await _read(rest, call_id, If_None_Match=known.replace("{id}", call_id))

    assert answer.status == 200


async def test_wait_holds_until_the_call_differs(rest: Rest) -> None:
    call_id = await rest.placed()
    headers = {"Prefer": "wait=30", "If-None-Match": f'W/"{call_id}.1"'}

    async with rest.held("GET", f"{PATHS[0]}/{call_id}", headers=headers) as held:
        await rest.take(call_id)

    answer = held.result()
    assert (answer.status, answer.json["sequence"]) == (200, 2)
    assert answer.headers["Preference-Applied"] == "wait=30"


async def test_wait_ends_with_304_where_nothing_changed(rest: Rest) -> None:
    call_id = await rest.placed()

    answer = await _read(rest, call_id, Prefer="wait=1", If_None_Match=f'"{call_id}.1"')

    assert answer.status == 304
    assert answer.headers["Preference-Applied"] == "wait=1"


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": '"older.1"'}])
async def test_wait_does_not_hold_what_differs_already(rest: Rest, headers: dict[str, str]) -> None:
    call_id = await rest.placed()
    path = f"{PATHS[0]}/{call_id}"

    async with asyncio.timeout(5):
        answer = await rest.ask("GET", path, headers={"Prefer": "wait=60", **headers})

    assert answer.status == 200


async def test_one_change_wakes_all_who_wait_for_the_call(rest: Rest) -> None:
    call_id, other = await rest.placed(), await rest.placed()
    waits = [
        asyncio.create_task(_read(rest, one, Prefer="wait=30", If_None_Match=f'"{one}.1"'))
        for one in [call_id] * 20 + [other]
    ]
    await wait_until(lambda: rest.waits.count == 21)

    await rest.take(call_id)
    answers = await asyncio.wait_for(asyncio.gather(*waits[:20]), 5)

    assert {answer.json["sequence"] for answer in answers} == {2}
    assert not waits[20].done()
    await rest.take(other)
    assert (await waits[20]).status == 200


async def test_an_ended_call_stays_as_it_ended(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id, reading=TALKING)
    await rest.see(call_id, HUNG_UP)

    answer = await _read(rest, call_id, Cache_Control="no-cache")

    assert (answer.json["state"], answer.json["outcome"]) == ("ended", "completed")
    assert answer.headers["Cache-Status"] == "ringout; hit"


async def test_a_call_is_found_under_its_own_owner_only(rest: Rest) -> None:
    path = PATHS[0].replace("account/~", "account/11").replace("extension/~", "extension/12")
    call_id = (await rest.place(path=path)).json["id"]

    assert (await _read(rest, call_id, path)).status == 200
    assert (await _read(rest, call_id)).status == 200
    elsewhere = await _read(rest, call_id, path.replace("11", "99"))
    assert (elsewhere.status, elsewhere.json["code"]) == (404, "call_not_found")


async def test_an_id_of_ours_that_is_not_known_is_404(rest: Rest) -> None:
    answer = await _read(rest, "call_0")

    assert (answer.status, answer.json["code"]) == (404, "call_not_found")
    assert answer.json["type"] == "/problems/call_not_found"


async def test_a_foreign_id_is_503_while_ringcentral_is_away(rest: Rest) -> None:
    answer = await _read(rest, "s-unknown")

    assert (answer.status, answer.json["code"]) == (503, "ringcentral_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_known_call_goes_on_being_read_while_ringcentral_is_away(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)

    cached = await _read(rest, call_id)
    insisted = await _read(rest, call_id, Cache_Control="no-cache")

    assert cached.headers["Cache-Status"] == "ringout; hit"
    assert insisted.status == 200
    assert insisted.headers["Cache-Status"] == "ringout; hit; detail=ringcentral_unavailable"
    assert insisted.headers["Age"] == "0"


async def test_an_older_answer_is_not_taken_for_fresh(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.take(call_id)
    earlier = now() - 30_000
    await rest.change(call_id, lambda c: calls.placed(c, earlier, "fence", "s-1", TALKING))

    will_do = await _read(rest, call_id, Cache_Control="max-age=60")
    too_old = await _read(rest, call_id, Cache_Control="max-age=10")

    assert will_do.headers["Cache-Status"] == "ringout; hit"
    assert "detail=ringcentral_unavailable" in too_old.headers["Cache-Status"]


async def test_head_is_get_without_the_body(rest: Rest) -> None:
    call_id = await rest.placed()

    got = await _read(rest, call_id)
    head = await rest.ask("HEAD", f"{PATHS[0]}/{call_id}")

    assert (head.status, head.raw) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Status"):
        assert head.headers[name] == got.headers[name]
