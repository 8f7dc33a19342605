"""Faults that are injected on purpose, to watch how a sender retries.

1. ``actions``: what can go wrong with one request, and its word in a script. Pure.
2. ``settings``: a fault: which action applies to which request. Pure.
3. ``current``: the one fault that is set, stored in the database.
4. ``worker_crash``: a crash of the shop's worker instead, only in ``main`` of a private demo.

``receiving.inbox`` takes the action for each request; ``web.fault_injection`` carries it out.
"""

from subscriber_app.faults.actions import BadFault, FaultAction, FaultActionKind
from subscriber_app.faults.current import Faults
from subscriber_app.faults.settings import NORMAL, Fault, FaultMode, make_fault
from subscriber_app.faults.worker_crash import ImpossibleCrash, WorkerCrash

__all__ = [
    "NORMAL",
    "BadFault",
    "Fault",
    "FaultAction",
    "FaultActionKind",
    "FaultMode",
    "Faults",
    "ImpossibleCrash",
    "WorkerCrash",
    "make_fault",
]
