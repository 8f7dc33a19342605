"""Where a scorecard leads."""

from shop.exam.case import Mission
from shop.web.pages import mission_address


def test_a_scorecard_leads_to_the_mission_only_if_there_is_a_subscriber() -> None:
    subscriber = "http://127.0.0.1:8001"

    assert mission_address(subscriber, Mission.RAW_BODY.value) == f"{subscriber}/missions/build-5"
    assert mission_address(None, Mission.RAW_BODY.value) is None
