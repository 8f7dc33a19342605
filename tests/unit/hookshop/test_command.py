"""The command's help, its page of the docs, and errors that need no server."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from hookshop import __version__
from hookshop.cli.main import hookshop
from hookshop.locations import program_environment
from tests.commands import Command
from tests.documents import page, section

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name in ("HOOKSHOP_SHOP_URL", "SHOP_ADMIN_TOKEN", "SUBSCRIBER_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Command(monkeypatch, capsys)


def commands(group: click.Group, path: str = "hookshop") -> Iterator[tuple[str, click.Command]]:
    for name, each in group.commands.items():
        yield f"{path} {name}", each
        if isinstance(each, click.Group):
            yield from commands(each, f"{path} {name}")


COMMANDS = dict(commands(hookshop))


def options_of(each: click.Command) -> set[str]:
    named = {name for option in each.params for name in option.opts if name.startswith("--")}
    return named - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    each = COMMANDS[name]

    assert (each.help or "").partition("\n")[0].endswith(".")
    options = [option for option in each.params if isinstance(option, click.Option)]
    unexplained = [option.name for option in options if not option.help]
    assert unexplained in ([], ["quantity"])


def test_the_docs_have_every_command_and_option_and_no_other() -> None:
    # The exam has a page of its own, which is tested with its program.
    docs = re.sub(r"^hookshop exam (.*\\\n)*.*", "", page("command"), flags=re.MULTILINE)
    options = {option for each in COMMANDS.values() for option in options_of(each)}

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", docs))
    assert named - {"--help", "--no-deps"} == options
    headings = " ".join(re.findall(r"^## (.*)", docs, flags=re.MULTILINE))
    assert [name for name in COMMANDS if name.count(" ") == 1 and name not in headings] == []
    in_group = section(docs, "## hookshop sandbox")
    assert [name for name in COMMANDS if name.count(" ") == 2 and name not in in_group] == []


def test_help_and_docs_name_the_same_exit_codes(command: Command) -> None:
    documented = re.findall(r"^\| `(\d+)`", section(page("command"), "## Exit codes"), re.MULTILINE)

    named = re.search(r"Exit codes: (.*)\.", " ".join(command.ok("--help").split()))
    assert named
    assert re.findall(r"\d+", named[1]) == documented


def test_the_version_is_printed(command: Command) -> None:
    assert command.ok("--version") == f"{__version__}\n"


def test_without_a_command_the_help_is_shown(command: Command) -> None:
    done = command()

    assert done.code == 2
    assert "Commands:" in done.error


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("dmeo",), "No such command 'dmeo'"),
        (("buy", "--quantiy", "1"), "No such option '--quantiy'"),
        (("buy", "--quantity", "0"), "0 is not in the range"),
        (("buy", "--shop", "ftp://shop"), "'ftp://shop' is not a URL such as http://127.0.0.1"),
        (("buy", "--shop", "http://shop:x"), "is not a URL such as"),
        (("buy", "--shop", "http://shop/?a=1"), "must be a base URL: without ? and #"),
        (("sandbox", "list", "--shop", f"{NOWHERE}/s/lesson-7"), "is a sandbox; leave /s/… out"),
        (("sandbox", "drop"), "Missing argument 'ID...'"),
        (("receive", "--faults", "503,banana"), "'banana' is not a fault. Use 200 (a normal"),
        (("receive", "--faults", ""), "A fault script has 1 to 100 words"),
        (("receive", "--save", "/dev/null/files"), "/dev/null/files: Not a directory"),
        (("receive", "--naive", "--defend", "banana"), "'banana' is not a defense. Use signature,"),
        (("receive", "--defend", "token"), "--defend needs --naive"),
        (("receive", "70000"), "70000 is not in the range"),
        (("receive", "0", "--host", "192.0.2.1"), "Cannot listen at 192.0.2.1:0"),
    ],
)
def test_wrong_usage_is_one_line(words: tuple[str, ...], line: str, command: Command) -> None:
    assert line in command.error(*words, code=2)


@pytest.mark.parametrize(
    "words", [("buy",), ("sandbox", "list"), ("sandbox", "drop", "lesson-7"), ("receive", "0")]
)
def test_a_shop_that_does_not_answer_is_one_line_that_says_what_to_do(
    words: tuple[str, ...], command: Command
) -> None:
    line = command.error(*words, "--shop", NOWHERE)

    assert line == (
        f"Error: The shop at {NOWHERE} does not answer (Connection refused). "
        "Start one with “hookshop demo”, or say where it is with --shop URL."
    )


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colors_appear_on_a_terminal_unless_no_color_is_set(no_color: str) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "hookshop", "dmeo"],
        env=program_environment(os.environ) | {"NO_COLOR": no_color},
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    output = os.read(ours, 10_000).decode()
    os.close(ours)

    assert done.returncode == 2
    assert ("\x1b[" in output) == (not no_color)


def test_a_shell_can_complete_commands(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HOOKSHOP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "hookshop sa")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert command().out == "plain,sandbox\n"
