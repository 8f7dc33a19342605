from datetime import UTC, datetime

from shop.webhooks.rules.time_buckets import Window, minute_of, moment_of

NOW = datetime(2026, 11, 24, 10, 14, 59, tzinfo=UTC)
THIS_MINUTE = minute_of(NOW)


def test_the_start_of_a_minute_lies_in_that_minute() -> None:
    assert moment_of(THIS_MINUTE) == NOW.replace(second=0)
    assert minute_of(moment_of(THIS_MINUTE)) == THIS_MINUTE


def test_the_last_hour_ends_with_the_current_minute() -> None:
    buckets = list(Window.last_hour(NOW).bucket_starts)

    assert len(buckets) == 60
    assert buckets[-1] == THIS_MINUTE
    assert buckets[0] == THIS_MINUTE - 59


def test_longer_buckets_start_at_round_times() -> None:
    buckets = list(Window.last_hour(NOW, bucket_minutes=2).bucket_starts)

    assert len(buckets) == 30
    assert buckets[-1] == THIS_MINUTE
    assert all(bucket % 2 == 0 for bucket in buckets)


def test_the_last_day_has_buckets_of_full_hours() -> None:
    window = Window.last_day(NOW)
    buckets = list(window.bucket_starts)

    assert len(buckets) == 24
    assert moment_of(buckets[-1]) == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert window.starts_at == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def test_each_minute_of_a_window_is_in_one_of_its_buckets() -> None:
    for window in (Window.last_hour(NOW), Window.last_day(NOW)):
        minutes = range(window.first_minute, THIS_MINUTE + 1)

        assert {window.bucket_of(minute) for minute in minutes} == set(window.bucket_starts)


def test_a_minute_before_the_window_is_in_no_bucket() -> None:
    window = Window.last_hour(NOW)

    assert window.bucket_of(window.first_minute - 1) is None


def test_a_minute_in_the_future_by_another_clock_counts_as_now() -> None:
    assert Window.last_hour(NOW).bucket_of(THIS_MINUTE + 3) == THIS_MINUTE
    assert Window.last_day(NOW).bucket_of(THIS_MINUTE + 300) == minute_of(
        datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    )


def test_buckets_are_labeled_with_their_time() -> None:
    assert Window.last_hour(NOW).bucket_label(THIS_MINUTE) == "10:14"
    assert Window.last_day(NOW).bucket_label(THIS_MINUTE - 14) == "10:00–11:00"
