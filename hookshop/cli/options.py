"""Options that several commands have. Those for an application become its ``JsonApi``."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from hookshop.cli.json_api import BaseUrl, JsonApi

Command = Callable[..., Any]

_IN_A_SANDBOX = re.compile(r"/s/[^/]+$")


def shop_options(*, of_sandbox: bool = True) -> Callable[[Command], Command]:
    """Add ``--shop`` and ``--token``; the command gets ``shop``.

    ``of_sandbox``: whether the URL may be that of a sandbox.
    """

    def decorate(command: Command) -> Command:
        @_option_for_shop(of_sandbox=of_sandbox)
        @click.option(
            "--token",
            envvar="SHOP_ADMIN_TOKEN",
            show_envvar=True,
            help="Token of the shop or of the sandbox, if it has one.",
        )
        @wraps(command)
        def with_shop(*args: Any, shop_url: str, token: str | None, **options: Any) -> Any:
            if not of_sandbox and _IN_A_SANDBOX.search(shop_url):
                raise click.BadParameter(
                    f"{shop_url} is a sandbox; leave /s/… out.", param_hint="'--shop'"
                )
            return command(*args, shop=JsonApi("shop", shop_url, token), **options)

        return with_shop

    return decorate


def _option_for_shop(*, of_sandbox: bool) -> Callable[[Command], Command]:
    return click.option(
        "--shop",
        "shop_url",
        type=BaseUrl(),
        default="http://127.0.0.1:8000",
        envvar="HOOKSHOP_SHOP_URL",
        show_default=True,
        show_envvar=True,
        help="The shop, or one of its sandboxes." if of_sandbox else "The shop.",
    )


def subscriber_options(command: Command) -> Command:
    """Add ``--subscriber`` and ``--subscriber-token``; the command gets ``subscriber`` or None."""

    @click.option(
        "--subscriber",
        "subscriber_url",
        type=BaseUrl(),
        help="Do the same with the sandbox of this subscriber.",
    )
    @click.option(
        "--subscriber-token",
        envvar="SUBSCRIBER_ADMIN_TOKEN",
        show_envvar=True,
        help="Token of the subscriber, if it has one.",
    )
    @wraps(command)
    def with_subscriber(
        *args: Any, subscriber_url: str | None, subscriber_token: str | None, **options: Any
    ) -> Any:
        subscriber = None
        if subscriber_url:
            subscriber = JsonApi("subscriber", subscriber_url, subscriber_token)
        return command(*args, subscriber=subscriber, **options)

    return with_subscriber


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for programs."
)
