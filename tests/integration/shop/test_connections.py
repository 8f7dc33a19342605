"""The URL policy also applies to the address that a name resolves to when connecting."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from shop.webhooks.engine.changing_name import CHANGING_NAME
from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.receiver import Receiver

ONLY_THIS_ADDRESS = UrlPolicy("public", allowed_networks=(ip_network("127.0.0.1/32"),))

Resolve = Callable[[str, list[str]], None]


@asynccontextmanager
async def sending(policy: UrlPolicy) -> AsyncIterator[HttpClient]:
    client = HttpClient(policy, timeout_seconds=2)
    yield client
    await client.close()


def request(url: str) -> OutgoingRequest:
    return OutgoingRequest(url, {"Content-Type": "application/json"}, b"{}")


def port_of(receiver: Receiver) -> str:
    return receiver.url.rsplit(":", 1)[1].split("/")[0]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Make a name resolve to these addresses, by replacing the system's resolver."""
    names: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host not in names:
            return ask(host, port, *args, **options)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in names[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names.__setitem__


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["169.254.169.254"], ["0.0.0.0"]],
    ids=["this machine", "public and private", "cloud metadata", "unspecified"],
)
async def test_a_name_with_a_forbidden_address_is_blocked(
    addresses: list[str], resolve: Resolve, receiver: Receiver
) -> None:
    resolve("shop.example.com", addresses)

    async with sending(UrlPolicy("public")) as client:
        response = await client.send(request(f"http://shop.example.com:{port_of(receiver)}/hook"))

    assert response.error == "blocked_address"
    assert addresses[-1] in str(response.error_detail)
    assert receiver.requests == []


async def test_a_name_whose_address_becomes_forbidden_is_blocked(
    resolve: Resolve, receiver: Receiver
) -> None:
    url = f"http://shop.example.com:{port_of(receiver)}/hook"

    async with sending(ONLY_THIS_ADDRESS) as client:
        resolve("shop.example.com", ["127.0.0.1"])
        first = await client.send(request(url))
        resolve("shop.example.com", ["127.0.0.2"])
        second = await client.send(request(url))

    assert first.status == 200
    assert second.error == "blocked_address"
    assert len(receiver.requests) == 1


async def test_the_name_that_changes_its_mind_is_blocked_at_each_second_request(
    receiver: Receiver,
) -> None:
    url = f"http://{CHANGING_NAME}:{port_of(receiver)}/hook"

    async with sending(UrlPolicy()) as client:
        sent = [await client.send(request(url)) for _ in range(4)]

    assert [each.status for each in sent] == [200, None, 200, None]
    assert [each.error for each in sent] == [None, "blocked_address", None, "blocked_address"]
    assert "169.254.169.254" in str(sent[1].error_detail)
    assert len(receiver.requests) == 2


async def test_an_address_that_was_registered_under_another_policy_is_blocked(
    receiver: Receiver,
) -> None:
    async with sending(UrlPolicy("public")) as client:
        response = await client.send(request(receiver.url))

    assert response.error == "blocked_address"
    assert receiver.requests == []


async def test_the_shop_sends_no_request_to_itself(receiver: Receiver) -> None:
    async with sending(UrlPolicy(own_ports=(int(port_of(receiver)),))) as client:
        response = await client.send(request(receiver.url))

    assert response.error == "blocked_address"
    assert receiver.requests == []


async def test_a_redirect_to_a_private_address_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": "http://169.254.169.254/latest"}

    async with sending(UrlPolicy()) as client:
        response = await client.send(request(receiver.url))

    assert response.status == 307
