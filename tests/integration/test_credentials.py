"""Credentials that are added while the house runs: sealed, known to all, and taken away again."""

import json

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from orchestrator.domain.budget import Payer
from orchestrator.domain.credentials import Credential
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.runtime import in_background, now
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.credentials import (
    CredentialBook,
    CredentialSeal,
    CredentialStore,
    NoKey,
)
from orchestrator.storage.tokens import RedisTokens
from orchestrator.telephony.fleet import Fleet
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until

KEY = "k" * 32


@pytest.fixture
def commands(redis: Redis) -> Commands:
    return Commands(redis, WORKER)


@pytest.fixture
def store(commands: Commands) -> CredentialStore:
    return CredentialStore(commands, CredentialSeal(KEY))


def one(
    name: str, account: str = "400", extension: str = "101", jwt: str = "hush-jwt"
) -> Credential:
    return Credential(name, account, extension, "app", client_secret="hush-secret", jwt=jwt)


async def everything(commands: Commands) -> bytes:
    """Every key and every value there is, as the server gives them out."""
    found = []
    for key in await commands.execute("KEYS", "*"):
        match (await commands.execute("TYPE", key)).decode():
            case "hash":
                value: object = await commands.execute("HGETALL", key)
            case "string":
                value = await commands.execute("GET", key)
            case kind:
                raise AssertionError(f"{key!r} is a {kind}")
        found.append((key, value))
    return repr(found).encode()


# In Redis


async def test_what_was_added_can_be_opened_and_is_not_readable(
    commands: Commands, store: CredentialStore
) -> None:
    added = one("desk")
    await store.put(added, now())
    await store.put(Credential("key", "~", "102", api_key="hush-key"), now())
    assert await store.opened() == (added, Credential("key", "~", "102", api_key="hush-key"))
    dump = await everything(commands)
    assert b"desk" in dump
    assert b"hush" not in dump


async def test_the_list_tells_no_secret(store: CredentialStore) -> None:
    await store.put(one("desk"), 1_700_000_000_000)
    await store.put(one("bell", extension="102"), now())
    listed = await store.listed()
    assert [each.name for each in listed] == ["bell", "desk"]
    desk = listed[1]
    assert (desk.account, desk.extension, desk.client_id) == ("400", "101", "app")
    assert desk.added_at == "2023-11-14T22:13:20.000Z"
    assert "hush" not in repr(listed)


async def test_without_a_key_nothing_is_added_or_opened(
    commands: Commands, store: CredentialStore
) -> None:
    keyless = CredentialStore(commands, None)
    with pytest.raises(NoKey):
        await keyless.put(one("desk"), now())
    assert await store.listed() == []
    await store.put(one("desk"), now())
    assert await keyless.opened() == ()
    assert [each.name for each in await keyless.listed()] == ["desk"]


async def test_one_that_cannot_be_opened_does_not_keep_the_others_from_being_used(
    commands: Commands, store: CredentialStore
) -> None:
    other = CredentialStore(commands, CredentialSeal("x" * 32))
    await other.put(one("theirs", extension="102"), now())
    await store.put(one("ours"), now())
    torn = json.dumps({"account": "1", "extension": "2"})
    await commands.execute("HSET", keys.CREDENTIALS, "torn", torn)
    assert [each.name for each in await store.opened()] == ["ours"]
    assert [each.name for each in await other.opened()] == ["theirs"]


async def test_a_seal_is_its_credential_s_alone(commands: Commands, store: CredentialStore) -> None:
    await store.put(one("desk"), now())
    row = await commands.execute("HGET", keys.CREDENTIALS, "desk")
    await commands.execute("HSET", keys.CREDENTIALS, "bell", row)
    assert [each.name for each in await store.opened()] == ["desk"]


async def test_one_that_was_kept_under_a_phone_number_is_not_used_nor_logged_by_it(
    commands: Commands, store: CredentialStore
) -> None:
    number = "16505550100"
    await store.put(one("desk"), now())
    row = json.loads(await commands.execute("HGET", keys.CREDENTIALS, "desk"))
    secrets = json.dumps([number, "hush-secret", "hush-jwt", ""]).encode()
    row["sealed"] = CredentialSeal(KEY)._fernet.encrypt(secrets).decode()
    await commands.execute("HSET", keys.CREDENTIALS, number, json.dumps(row))
    with capture_logs() as logs:
        assert [each.name for each in await store.opened()] == ["desk"]
    assert logs[0]["error"] == "UnusableCredential"
    assert number not in str(logs)
    assert await store.remove(number)


async def test_a_change_that_is_sent_twice_is_one(commands: Commands) -> None:
    store = CredentialStore(SentTwice(commands.redis, WORKER), CredentialSeal(KEY))
    await store.put(one("desk"), now())
    assert [each.name for each in await store.listed()] == ["desk"]
    version = await store.version()
    assert await store.remove("desk")
    assert await store.version() not in ("", version)
    assert await store.listed() == []


async def test_a_removal_that_is_sent_twice_says_that_there_was_one(commands: Commands) -> None:
    store = CredentialStore(SentTwice(commands.redis, WORKER), CredentialSeal(KEY))
    await store.put(one("desk"), now())
    assert await store.remove("desk")


async def test_removing_what_is_not_there_changes_nothing(store: CredentialStore) -> None:
    assert not await store.remove("desk")
    assert await store.version() == ""
    await store.put(one("desk"), now())
    assert await store.remove("desk")
    version = await store.version()
    assert not await store.remove("desk")
    assert await store.version() == version


async def test_a_refusal_is_shown_until_the_credential_is_another(
    commands: Commands, store: CredentialStore
) -> None:
    tokens = RedisTokens(commands, lambda: 1_700_000_000_000)
    for name in ("desk", "bell", "lobby"):
        await store.put(one(name), now())
        await tokens.park(name, "OAU-153", "Invalid client")
    told = {"since": "2023-11-14T22:13:20.000Z", "code": "OAU-153", "detail": "Invalid client"}
    assert await store.parked() == {"desk": told, "bell": told, "lobby": told}
    await store.put(one("desk", jwt="hush-new"), now())
    await store.remove("bell")
    assert await store.parked() == {"lobby": told}
    await tokens.unpark("lobby")
    assert await store.parked() == {}


# The book


async def test_a_process_knows_what_another_added_within_a_moment(store: CredentialStore) -> None:
    book = CredentialBook((one("default", "~", "~"),), store)
    async with in_background(book.keep_fresh()):
        await store.put(one("desk"), now())
        await wait_until(lambda: book.named("desk"), seconds=10)
        await store.put(one("desk", jwt="hush-new"), now())
        await wait_until(lambda: book.named("desk") == one("desk", jwt="hush-new"), seconds=10)
        await store.remove("desk")
        await wait_until(lambda: book.named("desk") is None, seconds=10)


async def test_who_is_not_known_yet_is_looked_for_at_once(store: CredentialStore) -> None:
    book = CredentialBook((one("default", "~", "~"),), store)
    assert await book.payer("400", "101") == Payer("default", "~")
    await store.put(one("desk"), now())
    assert await book.payer("400", "101") == Payer("desk", "400")
    assert book.payer_named("desk") == Payer("desk", "400")


async def test_the_configuration_s_stands_where_both_have_a_name(store: CredentialStore) -> None:
    await store.put(one("desk", jwt="hush-redis"), now())
    await store.put(one("bell", extension="102"), now())
    book = CredentialBook((one("desk"),), store)
    await book.refresh()
    assert book.named("desk") == one("desk")
    assert book.named("bell") == one("bell", extension="102")


@pytest.mark.parametrize("owner", [("400", "101"), ("~", "~")])
async def test_the_configuration_s_stands_where_both_are_of_one_extension(
    store: CredentialStore, owner: tuple[str, str]
) -> None:
    await store.put(one("added", *owner), now())
    book = CredentialBook((one("default", *owner),), store)
    await book.refresh()
    assert book.speaking_for(*owner) == one("default", *owner)


async def test_a_version_that_did_not_rise_is_not_read_again(
    commands: Commands, store: CredentialStore
) -> None:
    await store.put(one("desk"), now())
    book = CredentialBook((), store)
    await book.refresh()
    await commands.execute("HDEL", keys.CREDENTIALS, "desk")
    await book.refresh()
    assert book.named("desk") is not None
    await commands.execute("SET", keys.CREDENTIALS_VERSION, "another")
    await book.refresh()
    assert book.named("desk") is None


async def test_where_one_was_removed_nobody_asks(
    commands: Commands, store: CredentialStore
) -> None:
    await store.put(one("desk"), now())
    book = CredentialBook((), store)
    fleet = Fleet(
        server_url="http://127.0.0.1:1",
        credentials=book,
        store=RedisTokens(commands, now),
        budget=RedisBudget(commands),
    )
    assert await book.payer("400", "101") == Payer("desk", "400")
    async with fleet:
        client = fleet.named("desk")
        assert fleet.speaking_for("400", "101") is client
        await store.put(one("desk", jwt="hush-new"), now())
        await book.refresh()
        assert fleet.named("desk") is not client, "a replaced credential has a client of its own"
        await store.remove("desk")
        await book.refresh()
        with pytest.raises(UpstreamRefused, match="was removed") as refused:
            fleet.named("desk")
        assert refused.value.error_code == "no_credential"
        with pytest.raises(UpstreamRefused, match="no default"):
            fleet.speaking_for("400", "101")
    with pytest.raises(UpstreamRefused) as refused:
        await book.payer("400", "101")
    assert (refused.value.http_status, refused.value.error_code) == (403, "no_credential")
