from benchmarks.comeback import Progress

# Slow for a second, then ten times as fast.
SLOW_START = Progress([(0, 0), (0.5, 10), (1.0, 20), (1.5, 120), (1.75, 170)])


def test_the_speed_of_a_slice_is_what_was_delivered_in_it() -> None:
    assert SLOW_START.rate(0, 0.5) == 20
    assert SLOW_START.rate(1.0, 1.5) == 200
    assert SLOW_START.rate(0, 1) == 20


def test_a_slice_that_is_cut_off_by_the_end_counts_only_as_far_as_there_was_work() -> None:
    assert SLOW_START.rate(1.5, 2.0) == 200


def test_full_speed_does_not_count_the_wait_for_the_first_delivery() -> None:
    waited = Progress([(0, 0), (0.25, 0), (0.3, 1), (1.3, 101)])

    assert waited.full_rate() == 100


def test_all_at_once_took_no_longer_than_the_time_between_two_looks() -> None:
    at_once = Progress([(0, 0), (0.5, 0), (0.75, 60)])

    assert at_once.full_rate() == 240
