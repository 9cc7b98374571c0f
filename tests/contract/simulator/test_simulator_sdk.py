"""RingCentral's own Python SDK logs in and makes, reads and cancels a call."""

import asyncio
from typing import Any

import pytest
from ringcentral import SDK
from ringcentral.http.api_exception import ApiException

from tests.contract.simulator.simulator_kit import AGENT, HAPPY, IN_PROGRESS, RING_OUT, box


def make_read_cancel(url: str) -> list[Any]:
    platform = SDK("simulator-client", "simulator-secret", url).platform()
    platform.login(jwt="simulator-jwt")
    body = {"from": {"phoneNumber": AGENT}, "to": {"phoneNumber": HAPPY}, "playPrompt": False}
    made = platform.post(RING_OUT, body).json_dict()
    path = f"{RING_OUT}/{made['id']}"
    read = platform.get(path).json_dict()
    cancelled = platform.delete(path).response().status_code
    after = platform.get(path).json_dict()
    platform.logout()
    return [made, read, cancelled, after]


def log_in(url: str, jwt: str) -> None:
    SDK("simulator-client", "simulator-secret", url).platform().login(jwt=jwt)


async def test_the_sdk_makes_reads_and_cancels_a_call() -> None:
    async with box() as api:
        made, read, cancelled, after = await asyncio.to_thread(make_read_cancel, api.url)
        assert tuple(made["status"].values()) == IN_PROGRESS
        assert read == made
        assert cancelled == 204
        assert after["status"]["callerStatus"] == "Rejected"
        rows = await api.ledger()
        assert [(row["id"], row["cancelled"]) for row in rows] == [(made["id"], True)]


async def test_the_sdk_understands_a_refusal() -> None:
    async with box() as api:
        with pytest.raises(ApiException) as refused:
            await asyncio.to_thread(log_in, api.url, "another")
        assert refused.value.api_response().response().status_code == 400
