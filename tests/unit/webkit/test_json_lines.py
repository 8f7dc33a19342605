import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookshop.webkit.json_lines import json_lines


def test_each_member_is_on_its_own_line() -> None:
    assert json_lines(b'{"a":[1,{"b":null}],"c":{},"d":[]}') == [
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


@pytest.mark.parametrize(
    "number", ["50.750", "1E400", "-0.0", "12345678901234567890.0", "1e-7", "9" * 5000]
)
def test_numbers_stay_as_they_were_sent(number: str) -> None:
    assert json_lines(f'{{"value":{number}}}'.encode()) == ["{", f'  "value": {number}', "}"]


@pytest.mark.parametrize("text", [r'"a\"b,:{}[]\\"', '"  two  spaces  "', r'"\u202e"', '"ü"'])
def test_strings_stay_as_they_were_sent(text: str) -> None:
    assert json_lines(text.encode()) == [text]


def test_duplicate_members_are_both_kept() -> None:
    assert json_lines(b'{"a":1,"a":2}') == ["{", '  "a": 1,', '  "a": 2', "}"]


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
    ],
    ids=lambda raw: repr(raw[:10]),
)
def test_a_body_that_is_not_json_has_no_lines(raw: bytes) -> None:
    assert json_lines(raw) is None


def test_a_document_nested_too_deeply_has_no_lines() -> None:
    assert json_lines(b"[" * 20 + b"]" * 20) is not None
    assert json_lines(b"[" * 21 + b"]" * 21) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(categories=["L", "N"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab "), inner),
        max_leaves=8,
    )
)
def test_only_white_space_changes(document: object) -> None:
    lines = json_lines(json.dumps(document).encode())

    assert lines is None or json.loads("\n".join(lines)) == document
