from shop.webhooks.rules.slots import MAX_IN_FLIGHT, RESERVED_SLOTS, Slots

LESSON, OTHER = 7, 8


def test_one_sandbox_may_use_all_slots_but_the_reserved_ones() -> None:
    assert Slots().free(LESSON) == MAX_IN_FLIGHT - RESERVED_SLOTS


def test_a_reserved_slot_is_for_sandboxes_with_fewer_than_two_in_flight() -> None:
    slots = Slots([LESSON] * (MAX_IN_FLIGHT - RESERVED_SLOTS))

    assert slots.free(LESSON) == 0
    assert slots.free(OTHER) == 2
    slots.take(OTHER, 1)
    assert slots.free(OTHER) == 1
    slots.take(OTHER, 1)
    assert slots.free(OTHER) == 0


def test_thirty_sandboxes_fit_into_the_reserved_slots() -> None:
    slots = Slots([LESSON] * (MAX_IN_FLIGHT - RESERVED_SLOTS))
    for sandbox in range(100, 130):
        assert slots.free(sandbox) == 2
        slots.take(sandbox, 2)

    assert slots.free(OTHER) == 0
    assert slots.free(LESSON) == 0


def test_the_last_free_slot_is_not_given_twice() -> None:
    slots = Slots([LESSON] * (MAX_IN_FLIGHT - 1))

    assert slots.free(OTHER) == 1
