"""The README and .env.example list the settings and terms of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import BaseSettings

from shop.config import Settings as ShopSettings
from shop.vocabulary import DeliveryState
from shop.webhooks.rules.retries import NAMED_SCHEDULES
from subscriber_app.config import Settings as SubscriberSettings
from subscriber_app.vocabulary import Reason, Verdict

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """Return the README's text between this heading and the next one of any level."""
    [_before, after] = README.split(f"\n{title}\n")
    return re.split(r"\n#+ ", after)[0]


def variables(settings: type[BaseSettings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        prefix = settings.model_config["env_prefix"]
        yield alias if isinstance(alias, str) else f"{prefix}{name.upper()}"


SETTINGS = {*variables(ShopSettings), *variables(SubscriberSettings)}


def test_the_readme_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"`((?:HOOKSHOP|SHOP|SUBSCRIBER)_[A-Z_]+)`", section("## Settings"))

    assert set(listed) == SETTINGS


def test_the_example_of_an_environment_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)

    assert sorted(listed) == sorted(SETTINGS)


def test_the_readme_names_every_reason_for_a_refusal() -> None:
    named = section("### How the subscriber decides")

    assert not [reason for reason in Reason if f"`{reason}`" not in named]


def test_the_readme_explains_every_state_and_verdict() -> None:
    words = section("## Words")

    assert not [word for word in (*DeliveryState, *Verdict) if f"`{word}`" not in words]


def test_the_readme_gives_the_schedules_as_they_are() -> None:
    answers = " ".join(section("### Answer").split())

    for name, delays in NAMED_SCHEDULES.items():
        assert f"`{name}` {', '.join(map(str, delays))}" in answers


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)

    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_makefile_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?\b", (ROOT / "Makefile").read_text()))

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
