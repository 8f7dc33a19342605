"""A demo runs beside other demos, and continues where it ended."""

import json
import tempfile
from pathlib import Path

import httpx

from hookshop.redis_socket import private_redis_socket
from tests.demo import Demo, free_ports, running_demo, started_demo
from tests.integration.shop.conftest import process
from tests.programs import buy, client, wait_until
from tests.waiting import wait_for

PROGRAMS = {"demo", "redis", "shop", "worker", "subscriber"}


def test_every_line_says_which_process_wrote_it(demo: Demo) -> None:
    before, _, rest = demo.output().partition("\n\n")
    addresses, _, after = rest.partition("Ctrl-C stops everything.\n\n")

    assert demo.shop_url in addresses
    assert demo.subscriber_url in addresses
    labels = {line.partition("|")[0].strip() for line in (before + "\n" + after).splitlines()}
    assert labels <= PROGRAMS


def test_a_second_demo_runs_beside_it_with_json_logs_and_knows_nothing_of_its_orders(
    demo: Demo, shop: httpx.Client
) -> None:
    with running_demo(SHOP_LOG_FORMAT="json") as other:
        wait_until(shop, buy(shop), "succeeded")

        assert purchases_at(demo) == 1
        assert purchases_at(other) == 0
        other.stop()
        assert_every_line_is_json(other.output())


def purchases_at(demo: Demo) -> int:
    with client(demo.subscriber_url) as subscriber:
        return int(subscriber.get("/v1/stats").json()["purchases"])


def assert_every_line_is_json(output: str) -> None:
    lines = [json.loads(line) for line in output.splitlines()]

    assert {line["process"] for line in lines} == PROGRAMS
    assert all({"time", "level", "message"} <= line.keys() for line in lines)


def test_a_second_demo_in_the_same_folder_is_refused_in_one_line(demo: Demo) -> None:
    with started_demo(HOOKSHOP_VAR=str(demo.var)) as second:
        line = second.refusal()

    assert "already running" in line
    assert "make demo HOOKSHOP_VAR=" in line


def test_a_second_start_continues_where_the_first_ended_in_a_folder_too_deep_for_a_socket(
    tmp_path: Path,
) -> None:
    ports = dict(zip(("SHOP_PORT", "SUBSCRIBER_PORT"), map(str, free_ports(2)), strict=True))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    redis_socket = private_redis_socket(deep)
    assert deep not in redis_socket.parents

    with running_demo(HOOKSHOP_VAR=str(deep), **ports) as demo, client(demo.shop_url) as shop:
        assert redis_socket.is_socket()
        wait_until(shop, buy(shop), "succeeded")
    assert not redis_socket.parent.exists()
    with running_demo(HOOKSHOP_VAR=str(deep), **ports) as demo, client(demo.shop_url) as shop:
        wait_until(shop, buy(shop), "succeeded")

        assert "registered earlier" in demo.output()
        assert shop.get("/v1/stats").json()["deliveries"]["succeeded"] == 2


def test_with_a_redis_url_no_private_redis_is_started() -> None:
    with (
        tempfile.TemporaryDirectory() as var,
        process("hookshop.demo.private_redis", HOOKSHOP_VAR=var),
    ):
        redis_socket = private_redis_socket(Path(var))
        wait_for(redis_socket.exists, "Redis listens")
        own_redis = f"unix://{redis_socket}"
        with running_demo(SHOP_REDIS_URL=own_redis) as demo, client(demo.shop_url) as shop:
            wait_until(shop, buy(shop), "succeeded")

            assert demo.find("worker")
            assert demo.find("redis") is None
