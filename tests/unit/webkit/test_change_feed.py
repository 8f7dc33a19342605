"""The change feed within one process."""

from dataclasses import dataclass

from hookshop.webkit.change_feed import (
    MAX_WAITING_CHANGES,
    AnyChange,
    ChangeFeed,
    LocalChangeFeed,
)

PATIENCE = 10.0


@dataclass(frozen=True)
class Parcel:
    id: str
    is_everything: bool = False
    sandbox: int | None = None


PARCEL = Parcel("par_1")


async def test_a_change_announced_many_times_is_read_once() -> None:
    feed = ChangeFeed[Parcel]()
    with feed.subscribe() as stream:
        for _ in range(50):
            feed.pass_on([PARCEL])

        assert await stream.next_changes(PATIENCE) == {PARCEL}
        assert await stream.next_changes(0.01) == frozenset()


async def test_a_reader_that_does_not_keep_up_is_told_to_read_everything() -> None:
    feed = ChangeFeed[Parcel]()
    with feed.subscribe() as stream:
        for number in range(MAX_WAITING_CHANGES + 1):
            feed.pass_on([Parcel(f"par_{number}")])
        feed.pass_on([PARCEL])

        assert await stream.next_changes(PATIENCE) == {AnyChange()}
        feed.pass_on([PARCEL])
        assert await stream.next_changes(PATIENCE) == {PARCEL}


async def test_without_changes_waiting_ends_empty_after_the_timeout() -> None:
    with ChangeFeed[Parcel]().subscribe() as stream:
        assert await stream.next_changes(0.01) == frozenset()


async def test_a_closed_stream_gets_no_more_changes() -> None:
    feed = ChangeFeed[Parcel]()
    with feed.subscribe() as stream:
        assert feed.has_subscribers
    feed.pass_on([PARCEL])

    assert not feed.has_subscribers
    assert await stream.next_changes(0.01) == frozenset()


async def test_the_end_of_the_process_ends_every_stream() -> None:
    feed = ChangeFeed[Parcel]()
    with feed.subscribe() as stream:
        feed.end_streams()

        await stream.next_changes(PATIENCE)
        assert stream.is_over
        assert feed.is_over.is_set()


async def test_the_feed_of_one_process_announces_that_anything_may_have_changed() -> None:
    feed = LocalChangeFeed()
    with feed.subscribe() as stream:
        feed.announce()

        assert await stream.next_changes(PATIENCE) == {AnyChange()}


async def test_a_stream_of_a_sandbox_hears_of_its_own_changes_only() -> None:
    class FeedOfSeven(ChangeFeed[Parcel]):
        def current_sandbox(self) -> int:
            return 7

    feed = FeedOfSeven()
    own, of_all = Parcel("own", sandbox=7), Parcel("of all", sandbox=None)
    with feed.subscribe() as stream:
        feed.pass_on([Parcel("another's", sandbox=8), own, of_all])

        assert await stream.next_changes(PATIENCE) == {own, of_all}


async def test_a_dropped_sandbox_does_not_end_the_streams_of_others() -> None:
    feed = ChangeFeed[Parcel]()
    with feed.subscribe() as of_all:
        feed.end_streams_of(7)

        assert not of_all.is_over
