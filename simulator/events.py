"""The bodies of notifications, from the simulator's own telephony sessions and presence.

Shapes: ringcentral-api-docs, code-samples/voice/telephony-session-event.json and
code-samples/events/detailed-extension-presence.json; the party of an event is flatter than that of
`GET …/telephony/sessions/{id}`: `accountId` and `extensionId` stand in it, `owner` and
`ringOutRole` do not (TelephonySessionsEventPartyInfo of ringcentral-extensible). A notification
has the parties that changed: ringcentral-call-control-js merges them by id and counts `sequence`
for each party.
"""

import secrets
import time
from typing import Any

from simulator.calls import Call
from simulator.clock import rfc3339
from simulator.ids import fraction
from simulator.push_tuning import PushTuning
from simulator.sessions import party_id

Party = dict[str, Any]


def envelope(event: str, subscription_id: str, owner: str, body: object) -> dict[str, Any]:
    """What every notification has around its body. `uuid` is digits, as in all samples."""
    return {
        "uuid": str(10**18 + secrets.randbelow(8 * 10**18)),
        "event": event,
        "timestamp": rfc3339(time.time()),
        "subscriptionId": subscription_id,
        "ownerId": owner,
        "body": body,
    }


def session_path(call: Call) -> str:
    """`event` of a session's notifications, by the account's filter too (as in its sample)."""
    return f"/restapi/v1.0/account/{call.account}/extension/{call.extension}/telephony/sessions"


def event_parties(body: dict[str, Any], call: Call, tuning: PushTuning) -> list[Party]:
    """The parties of a session's body as an event has them, those left out that it would not
    have."""
    return [
        _flat(party, call, tuning)
        for party in body["parties"]
        if tuning.target_leg == "report" or party.get("ringOutRole") != "Target"
    ]


def session_event(body: dict[str, Any], parties: list[Party]) -> dict[str, Any]:
    """The body of a telephony-session notification, made as the change happens."""
    return {
        "sequence": body["sequence"],
        "sessionId": body["sessionId"],
        "telephonySessionId": body["telephonySessionId"],
        "serverId": body["serverId"],
        "eventTime": rfc3339(time.time()),
        "parties": parties,
        "origin": body["origin"],
    }


def phantom_event(body: dict[str, Any], call: Call, seed: int) -> dict[str, Any]:
    """The inbound session that stands beside a call whose `from` is a RingCentral number.

    ringcentral-call-control-js (src/helper.ts) knows it by a `sessionId` 1000, 2000, 3000 or
    4000 off, and by numbers that are the other session's the other way round.
    """
    first = body["parties"][0]
    offset = 1000 * (1 + int(4 * fraction(seed, "phantom", call.number)))
    name = f"{call.telephony_session_id}-inbound"
    party = {
        "accountId": call.account,
        "extensionId": call.extension,
        "id": f"p-{name.removeprefix('s-')}-1",
        "direction": "Inbound",
        "from": {"phoneNumber": call.callee},
        "to": {"phoneNumber": call.caller, "extensionId": call.extension},
        "status": {"code": first["status"]["code"], "rcc": False},
        "park": {},
        "missedCall": False,
        "standAlone": False,
        "muted": False,
    }
    return {
        "sequence": body["sequence"],
        "sessionId": str(int(call.session_id) + offset),
        "telephonySessionId": name,
        "serverId": body["serverId"],
        "eventTime": rfc3339(time.time()),
        "parties": [party],
        "origin": {"type": "Call"},
    }


def telephony_status(call: Call, age: float) -> str:
    """What presence says of a call at an age: connected as soon as leg 1 is answered."""
    if age >= call.timeline.ended:
        return "NoCall"
    return "CallConnected" if age >= call.timeline.answered else "Ringing"


def presence_event(
    extension: str, calls: list[tuple[Call, str]], sequence: int, *, detailed: bool
) -> dict[str, Any]:
    """The body of a presence notification from an extension's calls and their statuses."""
    live = [(call, status) for call, status in calls if status != "NoCall"]
    connected = any(status == "CallConnected" for _, status in live)
    body = {
        "extensionId": extension,
        "telephonyStatus": ("CallConnected" if connected else "Ringing") if live else "NoCall",
        "sequence": sequence,
        "presenceStatus": "Busy" if live else "Available",
        "userStatus": "Available",
        "meetingStatus": "Disconnected",
        "dndStatus": "TakeAllCalls",
        "allowSeeMyPresence": True,
        "ringOnMonitoredCall": False,
        "pickUpCallsOnHold": False,
        "totalActiveCalls": len(live),
    }
    return body | ({"activeCalls": [active_call(*one) for one in calls[-7:]]} if detailed else {})


def active_call(call: Call, status: str) -> dict[str, Any]:
    name = call.telephony_session_id.removeprefix("s-")
    final = {"terminationType": "final"} if status == "NoCall" else {}
    return {
        "id": name,
        "direction": "Outbound",
        "queueCall": False,
        "from": call.caller,
        "to": call.callee,
        "startTime": rfc3339(call.dialled_wall),
        "telephonyStatus": status,
        "sessionId": call.session_id,
        "telephonySessionId": call.telephony_session_id,
        "partyId": party_id(call, 1),
        **final,
    }


def _flat(party: Party, call: Call, tuning: PushTuning) -> Party:
    known = {name: party[name] for name in ("id", "direction", "status", "from", "to")}
    owner = party.get("owner")
    flat = {"accountId": call.account, "extensionId": call.extension} if owner else {}
    swapped = party.get("ringOutRole") == "Initiator" and tuning.initiator_numbers == "straight"
    if swapped:
        known["from"], known["to"] = known["to"], known["from"]
    rest = {
        "park": party.get("park", {}),
        "missedCall": False,
        "standAlone": party.get("standAlone", False),
        "muted": party.get("muted", False),
    }
    role = {"ringOutRole": party["ringOutRole"]} if tuning.ringout_role_in_events else {}
    return {**flat, **known, **rest, **role}
