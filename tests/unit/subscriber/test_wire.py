import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.web.wire import body_text, hex_dump, pretty_json


def test_visible_text_stays_unchanged() -> None:
    assert body_text('{"a": "Zoë 🪝"}'.encode()) == '{"a": "Zoë 🪝"}'


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("a\n", "a␊\n"),
        ("a\r\n", "a⟨U+000D⟩␊\n"),
        ("\x00", "⟨U+0000⟩"),
        ("\x1b[2J", "⟨U+001B⟩[2J"),
        ("\ufeff{}", "⟨U+FEFF⟩{}"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\u202elive", "⟨U+202E⟩live"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("a\u2028b", "a⟨U+2028⟩b"),
    ],
)
def test_invisible_characters_are_made_visible(sent: str, shown: str) -> None:
    assert body_text(sent.encode()) == shown


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    shown = body_text(text.encode()) or ""

    hidden = {"Cc", "Cf", "Zl", "Zp", "Zs"}
    assert not [
        each for each in shown if unicodedata.category(each) in hidden and each not in " \n"
    ]


def test_json_is_shown_with_one_member_per_line_and_visible_characters() -> None:
    assert pretty_json('{"a":"\u00a0 b"}'.encode()) == '{\n  "a": "⟨U+00A0⟩ b"\n}'
    assert pretty_json(b"not JSON") is None


@pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"caf\xe9"])
def test_a_body_that_is_not_utf_8_has_no_text(raw: bytes) -> None:
    assert body_text(raw) is None


def test_a_hex_dump_shows_offset_bytes_and_printable_characters() -> None:
    dump = hex_dump(b'{"value": 1}\n\xff<>' + b"~ \x7f")

    assert dump.splitlines() == [
        '000000  7b 22 76 61 6c 75 65 22 3a 20 31 7d 0a ff 3c 3e  {"value": 1}..<>',
        "000010  7e 20 7f                                         ~ .",
    ]


def test_an_empty_body_has_an_empty_hex_dump() -> None:
    assert hex_dump(b"") == ""


@given(st.binary(max_size=100))
def test_a_hex_dump_loses_no_byte(raw: bytes) -> None:
    columns = [line[8 : 8 + 48] for line in hex_dump(raw).splitlines()]

    assert bytes.fromhex("".join(columns)) == raw
