"""Sandboxes: what one user's server, run or dashboard may see, as data and as a bubblewrap command line."""

from tradewind.sandbox.box import Bind, Sandbox
from tradewind.sandbox.files import PinnedSocket, open_beneath, read_beneath
from tradewind.sandbox.limits import Enforcer, Limits, LimitsReport, limits_enforced
from tradewind.sandbox.names import home_name, socket_name
from tradewind.sandbox.probe import Availability, Mode, available, check_may_start, mode
from tradewind.sandbox.processes import ProcessId, first_process, kill, terminate, wait_first_process

__all__ = [
    "Availability",
    "Bind",
    "Enforcer",
    "Limits",
    "LimitsReport",
    "Mode",
    "PinnedSocket",
    "ProcessId",
    "Sandbox",
    "available",
    "check_may_start",
    "first_process",
    "home_name",
    "kill",
    "limits_enforced",
    "mode",
    "open_beneath",
    "read_beneath",
    "socket_name",
    "terminate",
    "wait_first_process",
]
