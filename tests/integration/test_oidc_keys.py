"""An identity provider's keys: when they are asked for, and a provider that is away or lies."""

import asyncio
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.warnings import InsecureKeyLengthWarning

from orchestrator.domain.errors import IdentityUnavailable
from orchestrator.identity import OidcIssuer
from tests.harness.provider import (
    AUDIENCE,
    DISCOVERY,
    JWKS,
    IdentityProvider,
    Watch,
    jwk,
    new_key,
    provided,
)
from tests.harness.waiting import wait_until

DAY_S = 86_400


async def test_keys_are_asked_for_once(provider: IdentityProvider, issuer: OidcIssuer) -> None:
    tokens = [provider.token(sub=f"user {number}") for number in range(20)]
    found = await asyncio.gather(*(issuer.principal(token) for token in tokens))
    assert None not in found
    assert provider.asked == {DISCOVERY: 1, JWKS: 1}


async def test_a_new_key_is_found_and_an_old_one_forgotten(
    provider: IdentityProvider, issuer: OidcIssuer, watch: Watch
) -> None:
    old = provider.token()
    assert await issuer.principal(old) is not None
    provider.keys = {"second": (new_key("EdDSA"), "EdDSA"), "first": provider.keys["first"]}
    new = provider.token("second")
    assert await issuer.principal(new) is None, "asked a moment ago"
    watch.ahead = 31
    assert await issuer.principal(new) is not None
    assert provider.asked[JWKS] == 2
    other = (new_key("ES256"), "ES256")
    provider.keys = {"second": provider.keys["second"], "first": other}
    watch.ahead += 3_601
    await issuer.principal(new)
    await wait_until(lambda: provider.asked[JWKS] == 3)
    watch.ahead += 61
    assert await issuer.principal(new) is not None
    assert await issuer.principal(old) is None


async def test_unknown_keys_cause_few_questions(
    provider: IdentityProvider, issuer: OidcIssuer, watch: Watch
) -> None:
    for number in range(50):
        assert await issuer.principal(provider.token(f"made up {number}")) is None
    assert provider.asked[JWKS] == 1
    watch.ahead = 31
    for number in range(50):
        assert await issuer.principal(provider.token(f"made up {number}")) is None
    assert provider.asked[JWKS] == 2


@pytest.mark.parametrize(
    ("caching", "fresh_s"),
    [
        ("", 3_600),
        ("public, max-age=7200", 7_200),
        ("max-age=1", 300),
        ("no-store", 300),
        ("max-age=999999999", DAY_S),
        ("max-age=99999999999999999999", 3_600),
        ("max-age=-7", 3_600),
    ],
)
async def test_how_long_keys_are_fresh(
    provider: IdentityProvider, issuer: OidcIssuer, watch: Watch, caching: str, fresh_s: int
) -> None:
    provider.caching = caching
    assert await issuer.principal(provider.token()) is not None
    watch.ahead = fresh_s - 10
    assert await issuer.principal(provider.token(sub="b")) is not None
    assert provider.asked[JWKS] == 1
    watch.ahead = fresh_s + 1
    assert await issuer.principal(provider.token(sub="c")) is not None
    await wait_until(lambda: provider.asked[JWKS] == 2)


async def test_a_provider_that_is_away(watch: Watch) -> None:
    async with provided() as provider:
        issuer = OidcIssuer.of(provider.issuer, AUDIENCE, "", watch)
        token = provider.token()
        assert await issuer.principal(token) is not None
    watch.ahead = 3_700
    assert await issuer.principal(token) is not None, "the known keys go on being used"
    watch.ahead = 3_500 + DAY_S
    assert await issuer.principal(token) is not None
    assert await issuer.principal(provider.token("unknown")) is None
    watch.ahead = 3_700 + DAY_S
    with pytest.raises(IdentityUnavailable):
        await issuer.principal(token)
    with pytest.raises(IdentityUnavailable):
        await issuer.principal(provider.token("unknown"))
    assert await issuer.principal("no.token.at all") is None
    await issuer.close()


async def test_a_provider_that_comes_later(watch: Watch) -> None:
    async with provided() as first:
        port = int(first.issuer.rsplit(":", 1)[1])
    issuer = OidcIssuer.of(first.issuer, AUDIENCE, "", watch)
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            await issuer.principal(first.token())
    async with provided(port) as provider:
        with pytest.raises(IdentityUnavailable):
            await issuer.principal(provider.token())
        assert provider.asked == {}
        watch.ahead = 6
        assert await issuer.principal(provider.token()) is not None


async def test_a_slow_provider_delays_nobody_whose_key_is_known(
    provider: IdentityProvider, issuer: OidcIssuer, watch: Watch
) -> None:
    token = provider.token()
    assert await issuer.principal(token) is not None
    provider.hold = asyncio.Event()
    watch.ahead = 3_700
    async with asyncio.timeout(1):
        assert await issuer.principal(token) is not None
    await wait_until(lambda: provider.asked[DISCOVERY] == 2)
    provider.hold.set()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (DISCOVERY, {"issuer": "https://other.example.com", "jwks_uri": "{issuer}/keys"}, 200),
        (DISCOVERY, {"jwks_uri": "{issuer}/keys"}, 200),
        (DISCOVERY, {"issuer": "{issuer}"}, 200),
        (DISCOVERY, {"issuer": "{issuer}", "jwks_uri": 7}, 200),
        (DISCOVERY, {"issuer": "{issuer}", "jwks_uri": "http://192.0.2.7/keys"}, 200),
        (DISCOVERY, {"issuer": "{issuer}", "jwks_uri": "file:///etc/passwd"}, 200),
        (DISCOVERY, {"issuer": "{issuer}", "jwks_uri": "//[/keys"}, 200),
        (DISCOVERY, {"issuer": "{issuer}", "jwks_uri": "{issuer}/keys"}, 302),
        (DISCOVERY, [], 200),
        (JWKS, {"keys": []}, 200),
        (JWKS, {"keys": {}}, 200),
        (JWKS, {"keys": [7, None, {}, {"kty": []}, {"kty": "EC", "crv": {}}]}, 200),
        (JWKS, {"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}, 200),
        (JWKS, [], 200),
        (JWKS, b"{", 200),
        (JWKS, b"[" * 200_000, 200),
        (JWKS, b"\xff\xfe", 200),
        (JWKS, {"keys": []}, 500),
        (JWKS, b"", 302),
    ],
)
async def test_a_provider_that_answers_wrongly(
    provider: IdentityProvider, issuer: OidcIssuer, path: str, body: Any, status: int
) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = text.replace(b"{issuer}", provider.issuer.encode())
    provider.lies(path, said, status, Location=f"{provider.issuer}/elsewhere")
    with pytest.raises(IdentityUnavailable):
        await issuer.principal(provider.token())
    assert "/elsewhere" not in provider.asked


async def test_keys_that_are_not_for_this(provider: IdentityProvider, issuer: OidcIssuer) -> None:
    key = new_key("ES256")
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 (to be refused)
    provider.lies(
        JWKS,
        {
            "keys": [
                jwk(key, "ES256", kid="enc") | {"use": "enc"},
                jwk(key, "ES256", kid="ops", key_ops=["encrypt"]),
                jwk(key, "ES256", kid="other", alg="ES384"),
                jwk(key, "ES256", kid="twice"),
                jwk(new_key("ES256"), "ES256", kid="twice"),
                jwk(weak, "RS256", kid="weak"),
                jwk(key, "ES256", kid="private", d="AAAA"),
                jwk(key, "ES256", kid="right"),
            ]
        },
    )
    assert await issuer.principal(provider.token("right", key=key)) is not None
    for kid in ("enc", "ops", "other", "twice", "private", None):
        assert await issuer.principal(provider.token(kid, key=key)) is None, kid
    with pytest.warns(InsecureKeyLengthWarning):
        token = provider.token("weak", key=weak, algorithm="RS256")
    assert await issuer.principal(token) is None


async def test_a_token_without_a_key_id_is_of_the_only_key(
    provider: IdentityProvider, issuer: OidcIssuer
) -> None:
    assert await issuer.principal(provider.token(None)) is not None


async def test_where_the_keys_are_can_be_told(provider: IdentityProvider, watch: Watch) -> None:
    issuer = OidcIssuer.of(provider.issuer, AUDIENCE, f"{provider.issuer}{JWKS}", watch)
    assert await issuer.principal(provider.token()) is not None
    assert provider.asked == {JWKS: 1}


async def test_a_verified_token_is_remembered_for_a_minute_or_until_it_expires(
    provider: IdentityProvider, issuer: OidcIssuer, watch: Watch
) -> None:
    long, short = provider.token(), provider.token(exp=int(time.time()) + 20)
    for token in (long, short):
        assert await issuer.principal(token) is not None
    provider.keys = {"second": (new_key("ES256"), "ES256")}
    watch.ahead = 31
    assert await issuer.principal(provider.token("second")) is not None, "the keys are new"
    assert await issuer.principal(long) is not None
    assert await issuer.principal(short) is None
    watch.ahead = 61
    assert await issuer.principal(long) is None


@pytest.mark.parametrize(("spaces", "is_taken"), [(200_000, True), (300_000, False)])
async def test_how_large_the_keys_may_be(
    provider: IdentityProvider, issuer: OidcIssuer, spaces: int, *, is_taken: bool
) -> None:
    key, name = provider.keys["first"]
    listed = json.dumps({"keys": [jwk(key, name, kid="first")]}).encode()
    provider.lies(JWKS, listed + b" " * spaces)
    if is_taken:
        assert await issuer.principal(provider.token()) is not None
    else:
        with pytest.raises(IdentityUnavailable):
            await issuer.principal(provider.token())
