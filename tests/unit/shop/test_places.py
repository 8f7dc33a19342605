from shop.webhooks.places import FEWEST_PLACES, MOST_PLACES, QUICK_MS, places_after


def test_quick_successes_earn_places_up_to_a_limit() -> None:
    places = FEWEST_PLACES
    for _ in range(1000):
        places = places_after(places, succeeded=True, duration_ms=QUICK_MS - 1)

    assert places_after(FEWEST_PLACES, succeeded=True, duration_ms=5) == FEWEST_PLACES + 1
    assert places == MOST_PLACES


def test_a_slow_answer_or_a_failure_costs_what_was_earned() -> None:
    assert places_after(MOST_PLACES, succeeded=True, duration_ms=QUICK_MS) == FEWEST_PLACES
    assert places_after(MOST_PLACES, succeeded=False, duration_ms=5) == FEWEST_PLACES
