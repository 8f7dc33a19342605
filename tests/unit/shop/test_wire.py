import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.web.deliveries.wire import body_text, pretty_json, status_meaning, status_text


def test_json_is_shown_with_one_member_per_line() -> None:
    shown = pretty_json(b'{"a":[1,{"b":null}],"c":{},"d":[]}')

    assert shown is not None
    assert shown.splitlines() == [
        "{",
        '  "a": [',
        "    1,",
        "    {",
        '      "b": null',
        "    }",
        "  ],",
        '  "c": {},',
        '  "d": []',
        "}",
    ]


@pytest.mark.parametrize("number", ["50.750", "1E400", "-0.0", "12345678901234567890.0", "1e-7"])
def test_numbers_are_shown_as_they_were_sent(number: str) -> None:
    assert pretty_json(f'{{"value":{number}}}'.encode()) == f'{{\n  "value": {number}\n}}'


@pytest.mark.parametrize("text", [r'"a\"b,:{}[]\\"', '"  two  spaces  "', r'"\u202e"', '"ü"'])
def test_strings_are_shown_as_they_were_sent(text: str) -> None:
    assert pretty_json(text.encode()) == text


def test_duplicate_members_are_both_shown() -> None:
    assert pretty_json(b'{"a":1,"a":2}') == '{\n  "a": 1,\n  "a": 2\n}'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"ok",
        b"{",
        b'{"a":1}}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 16_000,
        b"[" * 16_000 + b"]" * 16_000,
        b"9" * 5000,
    ],
    ids=lambda raw: repr(raw[:10]),
)
def test_what_is_not_json_is_not_shown_as_json(raw: bytes) -> None:
    assert pretty_json(raw) is None


def test_nesting_too_deep_to_read_is_left_as_it_is() -> None:
    assert pretty_json(b"[" * 20 + b"]" * 20) is not None
    assert pretty_json(b"[" * 21 + b"]" * 21) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(categories=["L", "N"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab "), inner),
        max_leaves=8,
    )
)
def test_only_white_space_is_changed(document: object) -> None:
    shown = pretty_json(json.dumps(document).encode())

    assert shown is None or json.loads(shown) == document


def test_text_stays_as_it_is() -> None:
    text = "Grüße\n\t日本 🪝 <b>&amp;</b> a\u00a0b"

    assert body_text(text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a\x00b", "a␀b"),
        (b"\x1b[2J", "␛[2J"),
        (b"a\r\nb", "a␍\nb"),
        (b"\x7f", "⟨U+007F⟩"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\u202e".encode(), "⟨U+202E⟩"),  # changes the writing direction
        ("\u200b".encode(), "⟨U+200B⟩"),  # zero width
        ("\u2028".encode(), "⟨U+2028⟩"),  # line break
        ("\ufeff".encode(), "⟨U+FEFF⟩"),
        ("\U000e0041".encode(), "⟨U+E0041⟩"),  # a tag character, invisible in every font
    ],
)
def test_what_cannot_be_seen_is_made_visible(raw: bytes, shown: str) -> None:
    assert body_text(raw) == shown
    assert body_text(b'"' + raw + b'"') == f'"{shown}"'


@pytest.mark.parametrize(
    ("status", "text"), [(200, "200 OK"), (404, "404 Not Found"), (299, "299"), (999, "999")]
)
def test_a_status_is_named_if_it_has_a_name(status: int, text: str) -> None:
    assert status_text(status) == text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (204, "has succeeded"),
        (302, "not followed"),
        (410, "disables it"),
        (429, "refused"),
        (503, "failed"),
    ],
)
def test_a_status_is_explained_by_what_it_means_for_the_delivery(status: int, words: str) -> None:
    assert words in status_meaning(status)


def test_a_status_that_means_nothing_is_not_explained() -> None:
    assert status_meaning(999) == ""
