"""RingCentral in a box: the ring-out operations, their neighbours, and their bad days.

`python -m simulator` runs one; `async with serving(SimulatorSettings(port=0)) as simulator`
starts one inside a running loop, and `simulator.world` shows all that it did. It shares no code
with the orchestrator, so that one misreading of RingCentral cannot pass on both sides.

docs/simulator.md describes it. What a callee's number makes happen: simulator/scenarios.py. What
the environment can set: simulator/settings.py. Who there is: simulator/roster.py. What the routes
under `/__sim` do: simulator/admin.py and simulator/admin_members.py.
"""

from simulator.app import Simulator, serving
from simulator.settings import SettingsRefused, SimulatorSettings, Tuning, from_environment
from simulator.world import World

__all__ = [
    "SettingsRefused",
    "Simulator",
    "SimulatorSettings",
    "Tuning",
    "World",
    "from_environment",
    "serving",
]
