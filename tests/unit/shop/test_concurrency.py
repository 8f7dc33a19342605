from shop.webhooks.rules.concurrency import MAX_CONCURRENCY, MIN_CONCURRENCY, QUICK_MS, next_limit


def test_quick_successes_earn_places_up_to_a_limit() -> None:
    places = MIN_CONCURRENCY
    for _ in range(1000):
        places = next_limit(places, succeeded=True, duration_ms=QUICK_MS - 1)

    assert next_limit(MIN_CONCURRENCY, succeeded=True, duration_ms=5) == MIN_CONCURRENCY + 1
    assert places == MAX_CONCURRENCY


def test_a_slow_answer_or_a_failure_costs_what_was_earned() -> None:
    assert next_limit(MAX_CONCURRENCY, succeeded=True, duration_ms=QUICK_MS) == MIN_CONCURRENCY
    assert next_limit(MAX_CONCURRENCY, succeeded=False, duration_ms=5) == MIN_CONCURRENCY
