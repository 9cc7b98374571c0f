"""Which numbers may be rung, by what is known of them."""

from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from orchestrator.service.destinations import Destinations, UnusablePrefixes, denied_prefixes, e164

US = Destinations(frozenset({"US"}))

USUAL = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.VOIP,
}


def _examples() -> Iterator[str]:
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in PhoneNumberType.values():
            found = phonenumbers.example_number_for_type(region, kind)
            if found is not None:
                yield phonenumbers.format_number(found, PhoneNumberFormat.E164)


EXAMPLES = sorted(set(_examples()))

REFUSED = {
    "+18765551234": "destination.region",  # Jamaica, behind the same +1
    "+14165550123": "destination.region",  # Canada
    "+442071838750": "destination.region",
    "+252612345678": "destination.region",  # a valid mobile number in Somalia
    "+19005551212": "destination.premium",
    "+449012345678": "destination.premium",
    "+49180512345": "destination.shared_cost",
    "+447012345678": "destination.personal",
    "+447640123456": "destination.pager",
    "+445612345678": "destination.region",  # VoIP, yet not in the US
    "+443001234567": "destination.company",
    "+881612345678": "destination.satellite",
    "+870773111632": "destination.satellite",
    "+88235112345": "destination.satellite",
    "+97912345678": "destination.unknown",
    "+15551234567": "destination.unknown",
    "+19995550000": "destination.unknown",
    "+9116505551212": "destination.emergency",
    "+9111111": "destination.emergency",
    "+19115551212": "destination.emergency",
    "+1123456": "destination.emergency",
    "+1650555012": "destination.unknown",
}


@pytest.mark.parametrize(("number", "policy"), REFUSED.items())
def test_a_number_that_is_not_rung(number: str, policy: str) -> None:
    objection = US.objection(number)

    assert objection is not None
    assert objection.policy == policy
    assert number[1:] not in objection.detail


@pytest.mark.parametrize("number", ["+16505550123", "+12125550199", "+18005551212"])
def test_a_number_that_is_rung(number: str) -> None:
    assert US.objection(number) is None


def test_a_region_is_rung_where_it_is_named() -> None:
    named = Destinations(frozenset({"GB", "IN", "JM"}))

    assert named.objection("+442071838750") is None
    assert named.objection("+18765551234") is None
    assert named.objection("+911123456789") is None, "a landline in Delhi is no emergency"
    objection = named.objection("+16505550123")
    assert objection is not None
    assert objection.detail.endswith("GB, IN, JM")


def test_a_denied_prefix_comes_before_all_else() -> None:
    denied = denied_prefixes("# ranges that fraud uses\n+1650555 # all of it\n\n+44\n")
    some = Destinations(frozenset({"US", "GB"}), denied)

    for number in ("+16505550123", "+442071838750"):
        objection = some.objection(number)
        assert objection is not None
        assert objection.policy == "destination.denied_prefix"
    assert some.objection("+16505660123") is None


@pytest.mark.parametrize(
    "line", ["1650", "+", "+0", "+1-650", "+1 650", "+\N{FULLWIDTH DIGIT ONE}", "+1234567890123456"]
)
def test_a_line_that_is_no_prefix_is_named(line: str) -> None:
    with pytest.raises(UnusablePrefixes, match="line 2"):
        denied_prefixes(f"+44\n{line}\n")


def test_there_need_be_no_prefix() -> None:
    assert denied_prefixes("") == frozenset()


@given(
    st.sampled_from(EXAMPLES),
    st.none() | st.integers(2, 15),
    st.integers(0, 1),
    st.sampled_from(["0", "(0)", "1", "8"]) | st.text("0123456789 -.()", max_size=3),
    st.frozensets(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), min_size=1, max_size=9),
)
def test_what_is_rung_has_one_form_a_usual_kind_and_a_region_that_is_named(
    example: str, place: int | None, dropped: int, put_in: str, more: frozenset[str]
) -> None:
    """Examples in which a character is changed, or something put in: perhaps a trunk prefix."""
    parsed = phonenumbers.parse(example)
    regions = more | {phonenumbers.region_code_for_number(parsed) or "US"}
    at, dropped = (place, dropped) if place else (1 + len(str(parsed.country_code)), 0)
    number = e164(example[:at] + put_in + example[at + dropped :])
    if number is None or Destinations(regions).objection(number) is not None:
        return
    known = phonenumbers.parse(number)
    assert phonenumbers.is_valid_number(known)
    assert phonenumbers.number_type(known) in USUAL
    assert phonenumbers.region_code_for_number(known) in regions
    assert phonenumbers.format_number(known, PhoneNumberFormat.E164) == number
