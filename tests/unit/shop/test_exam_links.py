"""Where a scorecard leads."""

from urllib.parse import urlsplit

import pytest

from hookshop.webkit.markdown import headings
from shop.exam.case import Mission
from shop.exam.cases import ALL_CASES
from shop.web.pages import docs_address, mission_address
from subscriber_app.web.documents import DOCUMENTS


def test_a_scorecard_leads_to_the_mission_only_if_there_is_a_subscriber() -> None:
    subscriber = "http://127.0.0.1:8001"

    assert mission_address(subscriber, Mission.RAW_BODY.value) == f"{subscriber}/missions/build-5"
    assert mission_address(None, Mission.RAW_BODY.value) is None


@pytest.mark.parametrize("document", sorted({case.docs for case in ALL_CASES}))
def test_a_scorecard_leads_to_a_section_of_the_docs_that_the_subscriber_serves(
    document: str,
) -> None:
    link = urlsplit(docs_address("http://127.0.0.1:8001", document) or "")

    assert link.fragment in [each.anchor for each in headings(DOCUMENTS[link.path].text)]
    assert docs_address(None, document) is None


def test_a_link_to_the_docs_names_the_section() -> None:
    sections = {case.docs_section for case in ALL_CASES}

    assert "Step 3: verify that it is genuine" in sections
    assert "If you check the token" in sections
