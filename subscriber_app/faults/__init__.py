"""What the subscriber does wrong on purpose, so that a sender's retries can be watched.

1. ``mishaps``: what can go wrong with one request, and the word for it. Pure.
2. ``settings``: a fault: which mishap meets which request. Pure.
3. ``current``: the one fault that is set, kept in the database.

``inbox`` takes the mishap of each request; ``web.misbehaving`` acts it out on the connection.
"""

from subscriber_app.faults.actions import BadFault, FaultAction, FaultActionKind
from subscriber_app.faults.current import Faults
from subscriber_app.faults.settings import NORMAL, Fault, FaultMode, make_fault

__all__ = [
    "NORMAL",
    "BadFault",
    "Fault",
    "FaultAction",
    "FaultActionKind",
    "FaultMode",
    "Faults",
    "make_fault",
]
