"""What the processes share about a token, and who can read it."""

import pytest

from orchestrator.domain.errors import UpstreamRefused, UpstreamUnavailable
from orchestrator.telephony.sealing import Kept, Seal, Setback

KEPT = Kept("opaque-token", 1_000, 101_000, Setback(5_000, 401, "OAU-153", "No."))
BOUND = ("https://platform.ringcentral.com", "app", "jwt")


def test_what_is_sealed_comes_back_and_is_not_readable_in_between() -> None:
    sealed = Seal("secret", BOUND).sealed(KEPT)
    assert b"opaque" not in sealed
    assert Seal("secret", BOUND).opened(sealed) == KEPT


@pytest.mark.parametrize(
    "other",
    [
        Seal("secret2", BOUND),
        Seal("secret", ("https://other", "app", "jwt")),
        Seal("secret", (BOUND[0], "app2", "jwt")),
        Seal("secret", (BOUND[0], "app", "jwt2")),
        Seal("secret", (BOUND[0], "appj", "wt")),
    ],
)
def test_another_configuration_finds_nothing(other: Seal) -> None:
    assert other.opened(Seal("secret", BOUND).sealed(KEPT)) == Kept()


@pytest.mark.parametrize("corrupt", [b"", b"x", b"\x00\xff", b"gAAAAA", None])
def test_what_is_corrupt_is_not_there(corrupt: bytes | None) -> None:
    assert Seal("secret", BOUND).opened(corrupt) == Kept()


def test_a_tampered_seal_is_broken() -> None:
    sealed = bytearray(Seal("secret", BOUND).sealed(KEPT))
    sealed[20] ^= 1
    assert Seal("secret", BOUND).opened(bytes(sealed)) == Kept()


def test_the_ages_of_a_token() -> None:
    assert KEPT.is_good(1_000)
    assert not KEPT.is_ageing(80_999)
    assert KEPT.is_ageing(81_000)
    assert KEPT.is_good(98_999)
    assert not KEPT.is_good(99_000)
    assert not Kept().is_good(0)


def test_it_is_kept_as_long_as_any_of_it_matters() -> None:
    assert KEPT.kept_for(1_000) == 100
    assert Kept(setback=Setback(31_500, 400, "x", "")).kept_for(1_000) == 31
    assert Kept().kept_for(10_000_000) == 1


def test_a_setback_is_raised_as_what_it_was() -> None:
    refusal = Setback(5_000, 401, "OAU-153", "No.").as_error(1_000)
    assert isinstance(refusal, UpstreamRefused)
    assert (refusal.http_status, refusal.error_code) == (401, "OAU-153")
    failure = Setback(5_000, 0, "", "No answer.").as_error(1_000)
    assert isinstance(failure, UpstreamUnavailable)
    assert failure.retry_after == 4.0


def test_a_token_does_not_show_when_printed() -> None:
    assert "opaque" not in repr(KEPT)
