import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.explaining.comparison import Piece, compare
from tests.steps import steps_of


def test_what_differs_is_marked_on_both_sides() -> None:
    one, other = compare(b'{"a":1,"b":2}', b'{"a": 1,"b":3}')

    assert [piece.content for piece in one if piece.differs] == [b"2"]
    assert [piece.content for piece in other if piece.differs] == [b" ", b"3"]


def test_what_is_equal_is_one_piece() -> None:
    assert compare(b"a b", b"a b") == ([Piece(b"a b", False)], [Piece(b"a b", False)])


def test_very_long_texts_differ_as_a_whole_between_their_common_ends() -> None:
    one, other = compare(b"[" + b"1," * 5000 + b"]", b"[" + b"2," * 5000 + b"]")

    assert [piece.differs for piece in one] == [False, True, False]
    assert [piece.differs for piece in other] == [False, True, False]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b",;" * 500, b",,;;" * 250),
        (b"[" + b"1," * 498 + b"]", b"{" + b"1," * 497 + b"}"),
        (b"x" + b"a,b," * 240 + b"y", b"z" + b"b,a," * 240 + b"w"),
    ],
)
def test_repeated_parts_are_compared_in_a_bounded_number_of_steps(one: bytes, other: bytes) -> None:
    steps = steps_of(lambda: compare(one, other))

    assert steps < 1_000_000


@given(one=st.binary(max_size=60), other=st.binary(max_size=60))
def test_no_byte_is_lost_and_what_is_not_marked_is_equal(one: bytes, other: bytes) -> None:
    sides = compare(one, other)

    assert [b"".join(piece.content for piece in side) for side in sides] == [one, other]
    unmarked = [b"".join(p.content for p in side if not p.differs) for side in sides]
    assert unmarked[0] == unmarked[1]
