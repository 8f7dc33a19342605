"""The sizes of all measurements. ``--quick`` only checks that everything runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """``requests``: for each page of ``growth``, at each size. ``idle_seconds``: of ``rest``.

    ``comeback``: deliveries that accumulate while the worker is stopped.
    ``sandboxes``: how many share ``many`` deliveries, beside a ``main`` that has ``few``.
    """

    rounds: int
    latency_orders: int
    whole_path: int
    orders: int
    receipts: int
    burst: int
    backlog: int
    fan_out: int
    fan_out_orders: int
    comeback: int
    few: int
    many: int
    sandboxes: int
    requests: int
    idle_seconds: float


FULL = Sizes(
    rounds=3,
    latency_orders=300,
    whole_path=2_000,
    orders=1_000,
    receipts=2_000,
    burst=3_000,
    backlog=10_000,
    fan_out=100,
    fan_out_orders=10,
    comeback=2_000,
    few=1_000,
    many=1_000_000,
    sandboxes=1_000,
    requests=25,
    idle_seconds=15,
)
QUICK = Sizes(
    rounds=1,
    latency_orders=5,
    whole_path=20,
    orders=20,
    receipts=20,
    burst=60,
    backlog=60,
    fan_out=5,
    fan_out_orders=2,
    comeback=60,
    few=50,
    many=500,
    sandboxes=5,
    requests=2,
    idle_seconds=1,
)
