"""What is known of an extension: its names, its features, its phone numbers."""

import zlib
from typing import Any

from simulator.roster import extension_number

Body = dict[str, Any]

COMPANY_NUMBER = "+16505550104"
COMPANY_FAX = "+16505550109"
FORWARDING_NUMBERS = {"1001": "+16505550100", "1002": "+16505550103"}
"""Every extension's forwarding numbers by their id."""

_FEATURES = (
    "RingOut", "DomesticCalls", "InternationalCalls", "Presence", "SMS", "Voicemail",
)  # fmt: skip
_COUNTRY = {"id": "1", "name": "United States", "isoCode": "US", "callingCode": "1"}


def extension_info(account: str, extension: str, base: str) -> Body:
    """An extension as other answers name it."""
    return {
        "id": int(extension),
        "uri": f"{base}/restapi/v1.0/account/{account}/extension/{extension}",
        "extensionNumber": extension_number(extension),
    }


def extension_body(account: str, extension: str, base: str, disabled: set[str]) -> Body:
    """The answer to `GET …/extension/{id}`; `disabled` names features that are off."""
    named = extension_info(account, extension, base)
    features = sorted({*_FEATURES, *disabled})
    return {
        **named,
        "account": {"id": account, "uri": f"{base}/restapi/v1.0/account/{account}"},
        "name": f"Agent {named['extensionNumber']}",
        "type": "User",
        "status": "Enabled",
        "setupWizardState": "Completed",
        "serviceFeatures": [_feature(name, enabled=name not in disabled) for name in features],
    }


def forwarding_numbers(uri: str) -> list[Body]:
    """The records of `GET …/forwarding-number` at that address."""
    labels = (("PhoneLine", "Business Phone"), ("Mobile", "Mobile"))
    rows = zip(FORWARDING_NUMBERS.items(), labels, strict=True)
    return [
        {
            "id": number_id,
            "uri": f"{uri}/{number_id}",
            "phoneNumber": number,
            "label": label,
            "type": kind,
            "flipNumber": str(place),
            "features": ["CallFlip", "CallForwarding"],
        }
        for place, ((number_id, number), (kind, label)) in enumerate(rows, 1)
    ]


def phone_numbers(account: str, extension: str, base: str) -> list[Body]:
    """The records of `GET …/phone-number`: with `CallerId` those that may be shown as one."""
    own = extension_info(account, extension, base)
    return [
        _phone_number(account, base, COMPANY_NUMBER, "MainCompanyNumber", ["CallerId"]),
        {
            **_phone_number(
                account, base, direct_number(extension), "DirectNumber", ["SmsSender", "CallerId"]
            ),
            "extension": own,
        },
        {
            **_phone_number(account, base, COMPANY_FAX, "CompanyFaxNumber", []),
            "type": "FaxOnly",
        },
    ]


def direct_number(extension: str) -> str:
    """An extension's own number: 400131426007 has +1 650 556 6007."""
    return f"+1650556{extension[-4:]:0>4}"


def _phone_number(account: str, base: str, number: str, usage: str, features: list[str]) -> Body:
    number_id = zlib.crc32(number.encode())
    return {
        "id": number_id,
        "uri": f"{base}/restapi/v1.0/account/{account}/phone-number/{number_id}",
        "phoneNumber": number,
        "usageType": usage,
        "type": "VoiceFax",
        "paymentType": "Local",
        "status": "Normal",
        "country": {**_COUNTRY, "uri": f"{base}/restapi/v1.0/dictionary/country/1"},
        "features": features,
    }


def _feature(name: str, *, enabled: bool) -> Body:
    off = {} if enabled else {"reason": "ExtensionLimitation"}
    return {"featureName": name, "enabled": enabled, **off}
