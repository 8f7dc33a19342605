import pytest

from shop.webhooks.queries.search import KINDS, IdPart

DIGITS = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"dlv_{DIGITS}", IdPart(("dlv",), DIGITS, may_begin=True, may_end=False)),
        (f"MSG_{DIGITS[:12]}", IdPart(("msg",), DIGITS[:12], may_begin=True, may_end=False)),
        ("ord…2e3f4a5b", IdPart(("ord",), "2e3f4a5b", may_begin=False, may_end=True)),
        ("2e3f4a5b", IdPart(KINDS, "2e3f4a5b", may_begin=True, may_end=True)),
        (
            "0193A1B2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
            IdPart(KINDS, DIGITS, may_begin=True, may_end=False),
        ),
        ("ep_", IdPart(("ep",), "", may_begin=True, may_end=False)),
    ],
)
def test_a_part_of_an_id_is_recognized(text: str, part: IdPart) -> None:
    assert IdPart.read(text) == part


@pytest.mark.parametrize(
    "text", ["9001", "127.0.0.1", "2e3f4a5", "hook", "dlv", "dlv_xyz", "…2e3f4a5b", "٣" * 8, "-"]
)
def test_anything_else_is_sought_in_urls_only(text: str) -> None:
    assert IdPart.read(text) is None
