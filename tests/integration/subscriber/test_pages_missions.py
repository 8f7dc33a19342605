"""The pages of missions, as without JavaScript, and the calls of their API."""

from tests.integration.subscriber.conftest import Client, Clock
from tests.integration.subscriber.requests import deliver
from tests.pages import Page, Visitor


async def submit(subscriber: Client, number: int | str, form: str, **fields: str) -> Page:
    page = f"/missions/{number}"
    return await Visitor(subscriber).submit(f"{page}/{form}", page, **fields)


async def test_the_page_of_a_mission_says_what_is_missing(subscribed: Client) -> None:
    await submit(subscribed, 4, "start")

    before = await Visitor(subscribed).get("/missions/4")
    await deliver(subscribed)
    after = await Visitor(subscribed).get("/missions/4")

    assert "0 of 4: no genuine webhook came" in before.text
    assert "1 of 4: 3 more kinds of forgeries must be rejected" in after.text


async def test_only_what_comes_after_the_start_counts(subscribed: Client, clock: Clock) -> None:
    await deliver(subscribed)
    clock.pass_seconds(1)
    await submit(subscribed, 4, "start")
    await submit(subscribed, 4, "skip")

    assert "You skipped this mission" in (await Visitor(subscribed).get("/missions/4")).text
    answer = await subscribed.get("/v1/missions/4")
    assert (answer.json()["state"], answer.json()["evidence"]) == ("skipped", [])


async def test_a_double_click_shows_one_hint_more(subscribed: Client) -> None:
    await submit(subscribed, 4, "start")

    for _ in range(2):
        assert (await submit(subscribed, 4, "hint", hint="1")).status == 303

    assert len((await subscribed.get("/v1/missions/4")).json()["hints"]) == 1
    assert (await submit(subscribed, 4, "hint", hint="99")).status == 422


async def test_a_wrong_answer_is_shown_again_with_what_is_wrong(subscribed: Client) -> None:
    await submit(subscribed, 8, "start")

    for typed in ("a while", "nan", "1e99"):
        page = await submit(subscribed, 8, "answers", question="gap", answer=typed)
        assert page.status == 422
        assert "Type a number of seconds, such as 2.5." in page.text
        assert page.values["answer"] == [typed]
    assert (await submit(subscribed, 8, "answers", question="nothing", answer="1")).status == 422
    wrong_choice = await submit(subscribed, 6, "answers", question="verdict", answer="maybe")
    assert wrong_choice.status == 422


async def test_a_check_that_does_not_start_says_why_on_the_page_of_the_mission(
    subscribed: Client,
) -> None:
    await submit(subscribed, "build-4", "start")

    page = await submit(subscribed, "build-4", "check")

    assert page.status == 502
    assert "Your receiver was not checked" in page.text
    assert "There is no receiver to check yet. Register yours first." in page.text
    assert "Build mission 4: Trust nobody" in page.text


async def test_the_banners_of_faults_and_defenses_lead_back_to_the_mission(
    subscribed: Client,
) -> None:
    await subscribed.put("/v1/faults", json={"mode": "drop"})
    await subscribed.patch("/v1/defences", json={"signature": False})
    page = await Visitor(subscribed).get("/missions/13")
    assert set(page.values["back"]) == {"/missions/13"}

    for form, fields in (("/faults", {"mode": "none"}), ("/defences", {"position": "on"})):
        answer = await Visitor(subscribed).submit(
            form, "/missions/13", back="/missions/13", **fields
        )
        assert answer.answer.headers["location"] == "/missions/13"


async def test_what_does_not_exist_is_refused(subscribed: Client) -> None:
    for number in ("0", "999", "4x", "9" * 40):
        assert (await subscribed.get(f"/missions/{number}")).status_code == 404
        assert (await subscribed.get(f"/v1/missions/{number}")).status_code == 404
    assert (await submit(subscribed, 4, "actions", action="replay-ten-times")).status == 422
    assert (await submit(subscribed, 4, "repair", way_back="reboot")).status == 422


async def test_what_was_proven_survives_the_deletion_of_receipts(subscribed: Client) -> None:
    await submit(subscribed, 4, "start")
    await deliver(subscribed)

    await subscribed.delete("/v1/receipts")

    parts = (await subscribed.get("/v1/missions/4")).json()["parts"]
    assert [each["key"] for each in parts if each["evidence"]] == ["genuine"]


async def test_a_reset_forgets_all_missions(subscribed: Client) -> None:
    await submit(subscribed, 4, "start")

    await subscribed.post("/v1/sandbox/reset", json={"keep": ["subscription"]})

    listed = (await subscribed.get("/v1/missions")).json()["data"]
    assert {each["state"] for each in listed} == {"new"}


async def test_a_call_that_waits_says_what_is_missing(subscribed: Client) -> None:
    await subscribed.post("/v1/missions/4/start", json={})

    answer = await subscribed.get("/v1/missions/4", params={"wait": 0, "strict": 1})

    assert answer.status_code == 504
    assert "no genuine webhook came" in answer.json()["detail"]


async def test_polling_can_be_switched_on_and_off(subscribed: Client) -> None:
    for state, shown in (("on", "Polling is on"), ("off", "Polling is off")):
        page = await Visitor(subscribed).submit("/polling", "/polling", state=state)
        assert page.status == 303
        assert shown in (await Visitor(subscribed).get("/polling")).text
    assert (await Visitor(subscribed).submit("/polling", "/polling", state="maybe")).status == 422


async def test_the_address_that_people_guess_leads_to_the_list(subscribed: Client) -> None:
    answer = await subscribed.get("/missions", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/learn#missions")
