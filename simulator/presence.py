"""An extension's presence: that it telephones, and with whom."""

from typing import Any

from simulator.auth import Identity
from simulator.calls import Call
from simulator.events import active_call, phantom_event, telephony_status
from simulator.phonebook import extension_info
from simulator.sessions import session_body
from simulator.world import World

Body = dict[str, Any]


def presence_body(world: World, who: Identity, base: str, *, detailed: bool) -> Body:
    """The answer to `GET …/presence`; only a detailed one lists the calls."""
    entries = [
        entry
        for call, then in world.present(who.extension)
        for entry in _entries(world, call, then)
    ]
    statuses = {entry["telephonyStatus"] for entry in entries}
    owner = extension_info(who.account, who.extension, base)
    body: Body = {
        "uri": f"{owner['uri']}/presence",
        "extension": owner,
        "presenceStatus": "Busy" if entries else "Available",
        "telephonyStatus": next(
            (word for word in ("CallConnected", "Ringing") if word in statuses), "NoCall"
        ),
        "userStatus": "Available",
        "meetingStatus": "Disconnected",
        "dndStatus": "TakeAllCalls",
        "allowSeeMyPresence": True,
        "ringOnMonitoredCall": False,
        "pickUpCallsOnHold": False,
    }
    if not detailed:
        return body
    most = world.tuning.presence_calls
    return {**body, "activeCalls": entries[-most:] if most else entries}


def _entries(world: World, call: Call, then: float) -> list[Body]:
    """What presence lists of a call: its outbound side, and a phantom where so tuned."""
    entry = active_call(call, telephony_status(call, then - call.dialled_at))
    if not world.tuning.phantom_inbound:
        return [entry]
    event = phantom_event(session_body(world, call, then), call, world.tuning.seed)
    party = event["parties"][0]
    phantom = {
        "id": event["telephonySessionId"].removeprefix("s-"),
        "direction": party["direction"],
        "from": party["from"]["phoneNumber"],
        "to": party["to"]["phoneNumber"],
        "sessionId": event["sessionId"],
        "telephonySessionId": event["telephonySessionId"],
        "partyId": party["id"],
    }
    return [entry, {**entry, **phantom}]
