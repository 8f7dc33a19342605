import json
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest

from shop.webhooks.rules.url_policy import PublicPath, UrlPolicy
from shop.webhooks.rules.urls import UrlRefused

DATA = Path(__file__).parents[2] / "data"
REFUSED = json.loads((DATA / "registration_urls.json").read_text())["cases"]

local = UrlPolicy("local", own_ports=(8000,))
public = UrlPolicy("public")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: repr(case["webhook_url"])[:60])
def test_the_corpus_of_forbidden_urls_is_refused_with_a_reason(case: dict[str, Any]) -> None:
    with pytest.raises(UrlRefused) as caught:
        local.check(case["webhook_url"])

    assert len(str(caught.value)) > 10


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/v1/new-purchase",
        "http://localhost:9000/",
        "http://[::1]:9000/hook",
        "https://example.com/hook?shop=1",
        "https://xn--bcher-kva.example/",
        "http://93.184.216.34/",
        "https://[2606:4700::1111]/",
    ],
)
def test_receivers_on_this_machine_and_public_ones_are_accepted(url: str) -> None:
    local.check(url)


@pytest.mark.parametrize("url", ["http://example.com/", "https://127.0.0.1:8001/"])
def test_the_public_policy_wants_https_and_someone_else(url: str) -> None:
    with pytest.raises(UrlRefused, match="SHOP_ENDPOINT_POLICY=local would allow it"):
        public.check(url)


def test_a_private_address_is_refused_with_the_setting_that_would_allow_it() -> None:
    with pytest.raises(UrlRefused, match=r"SHOP_ALLOWED_NETWORKS=192\.168\.1\.7/32"):
        local.check("http://192.168.1.7:9000/")


def test_a_classroom_network_can_be_allowed() -> None:
    policy = UrlPolicy("local", allowed_networks=(ip_network("192.168.1.0/24"),))

    policy.check("http://192.168.1.7:9000/")
    with pytest.raises(UrlRefused):
        policy.check("http://192.168.2.7:9000/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/x", "http://localhost:8000/x"])
def test_the_shop_sends_nothing_to_itself(url: str) -> None:
    with pytest.raises(UrlRefused, match="own address"):
        local.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/hook",
        "https://SHOP.example.com:443/hook",
        "https://shop.example.com./hook",
        "http://192.168.1.5:8000/hook",
    ],
)
def test_nor_does_it_by_any_other_name_of_its_own(url: str) -> None:
    policy = UrlPolicy(
        allowed_networks=(ip_network("192.168.1.0/24"),),
        own_addresses=(("shop.example.com", 443), ("192.168.1.5", 8000)),
    )

    with pytest.raises(UrlRefused, match="own address"):
        policy.check(url)
    with pytest.raises(UrlRefused, match="own address"):
        policy.check_address(IPv4Address("192.168.1.5"), 8000)
    policy.check(url.lower().replace("shop.", "other.").replace("8000", "8001"))


behind_a_proxy = UrlPolicy(public_path=PublicPath("shop.example.com", 443, "/shop"))
on_this_machine = UrlPolicy(own_ports=(8000,), public_path=PublicPath("127.0.0.1", 9000, "/shop"))


@pytest.mark.parametrize(
    "path",
    [
        "/shop",
        "/shop?x",
        "/shop/v1/orders",
        "/SHOP/v1/orders",
        "//shop/v1/orders",
        "/other/../shop/v1/orders",
        "/other/%2e%2E/shop/v1/orders",
        "/%73hop/v1/orders",
        "/%2573hop/v1/orders",
        "/shop/%2e%2e/other",
        "/.//shop/",
    ],
)
def test_under_a_path_the_shop_refuses_what_may_lead_to_that_path(path: str) -> None:
    with pytest.raises(UrlRefused, match="own address"):
        behind_a_proxy.check(f"https://shop.example.com{path}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "[::1]", "localhost."])
def test_under_a_path_of_this_machine_any_of_its_names_is_refused(host: str) -> None:
    with pytest.raises(UrlRefused, match="own address"):
        on_this_machine.check(f"http://{host}:9000/shop/v1/orders")


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/subscriber/v1/new-purchase",
        "https://shop.example.com/shops",
        "https://shop.example.com/",
        "https://shop.example.com/subscriber?next=/shop/",
        "https://shop.example.com:8443/shop/",
        "https://other.example.com/shop/",
    ],
)
def test_other_programs_on_the_host_of_the_shop_can_receive_webhooks(url: str) -> None:
    behind_a_proxy.check(url)
    on_this_machine.check("http://127.0.0.1:9000/subscriber/v1/new-purchase")


def test_an_address_found_by_dns_is_judged_by_the_same_rule() -> None:
    with pytest.raises(UrlRefused):
        local.check_address(IPv4Address("169.254.169.254"), 80)
