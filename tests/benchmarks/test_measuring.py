"""Each measurement runs with tiny numbers. The measured times do not matter."""

import json
from pathlib import Path

import pytest

from benchmarks import delivery_profile
from benchmarks.__main__ import MEASUREMENTS, main
from benchmarks.profiled_worker import PARTS
from tests import postgres

FIGURES = {
    "rest": {"first start", "second start", "memory: all together", "processor, all together"},
    "latency": {"p50", "p95", "p99", "a direct POST, p99"},
    "whole-path": {
        "16 customers: orders",
        "50 customers: booked",
        "16 customers: processor, worker",
        "the textbook, 16 customers: booked",
    },
    "machines": {"two of each on PostgreSQL", "one of each on SQLite"},
    "orders": {"1 at a time", "the textbook, 50 at a time", "the bare receiver, 50 at a time"},
    "receipts": {"receipts", "the textbook, receipts", "processor for one"},
    "fan-out": {"one worker", "bare httpx, 50 in flight", "the same over aiohttp"},
    "burst": {"one worker", "two workers", "bare httpx, 50 in flight", "the same over aiohttp"},
    "backlog": {"one worker", "time to drain", "bare httpx, 50 in flight"},
    "comeback": {"0.0 to 0.5 s", "the first second", "full speed"},
    "growth": {
        "log",
        "overview",
        "inbox, text",
        "memory of the shop",
        "log at 50",
        "beside sandboxes: overview",
    },
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_runs_and_writes_its_figures(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "machines" and not postgres.find_programs():
        pytest.skip(postgres.HOW_TO_GET_ONE)
    result = tmp_path / "result" / "figures.json"

    main([name, "--quick", "--json", str(result)])

    document = json.loads(result.read_text())
    assert document["quick"]
    assert document["machine"]["cores"]
    [(measured, found)] = document["measurements"].items()
    assert measured == name
    assert {figure["label"] for figure in found["figures"]} >= FIGURES[name]
    assert all(
        sample > 0
        for figure in found["figures"]
        for sample in figure["samples"]
        if "processor" not in figure["label"]
    )
    assert found["title"] in capsys.readouterr().out


def test_the_profile_names_each_part_of_a_delivery(capsys: pytest.CaptureFixture[str]) -> None:
    delivery_profile.main(["--quick"])

    said = capsys.readouterr().out
    assert all(part in said for part in PARTS)
    assert said.count("100 %") == 2  # one for each situation
