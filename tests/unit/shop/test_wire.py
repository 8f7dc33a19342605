import pytest

from shop.web.deliveries.wire import body_text, pretty_json, status_meaning, status_text


def test_visible_text_stays_unchanged() -> None:
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
def test_invisible_characters_are_made_visible(raw: bytes, shown: str) -> None:
    assert body_text(raw) == shown
    assert body_text(b'"' + raw + b'"') == f'"{shown}"'


def test_json_is_shown_with_one_member_per_line_and_visible_characters() -> None:
    assert pretty_json('{"a":"\u202e"}'.encode()) == '{\n  "a": "⟨U+202E⟩"\n}'
    assert pretty_json(b"not JSON") is None


@pytest.mark.parametrize(
    ("status", "text"), [(200, "200 OK"), (404, "404 Not Found"), (299, "299"), (999, "999")]
)
def test_a_known_status_is_shown_with_its_phrase(status: int, text: str) -> None:
    assert status_text(status) == text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (204, "Delivered"),
        (302, "does not follow"),
        (410, "disables the endpoint"),
        (429, "rejected"),
        (503, "failed"),
    ],
)
def test_a_status_is_explained_by_what_it_means_for_the_delivery(status: int, words: str) -> None:
    assert words in status_meaning(status)


def test_an_unknown_status_is_not_explained() -> None:
    assert status_meaning(999) == ""
