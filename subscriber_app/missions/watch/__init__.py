"""The Watch track: missions in which the subscriber is the learner's own, without code.

A mission is one module here and one line below. It is listed only if it is whole: texts, judge, and
in ``tests/e2e/test_missions.py`` one script that solves it and one that nearly does.
"""

from subscriber_app.missions.mission import Mission
from subscriber_app.missions.watch import (
    answer_first,
    at_least_once,
    back_off,
    first_delivery,
    leaving,
    new_keys,
    not_now,
    once_only,
    one_slow,
    out_of_order,
    outage,
    poison,
    raw_body,
    register,
    replay,
    trust_nobody,
    where_may_it_go,
    why_not_poll,
)

WATCH: tuple[Mission, ...] = (
    why_not_poll.MISSION,
    register.MISSION,
    first_delivery.MISSION,
    trust_nobody.MISSION,
    raw_body.MISSION,
    replay.MISSION,
    once_only.MISSION,
    back_off.MISSION,
    not_now.MISSION,
    answer_first.MISSION,
    out_of_order.MISSION,
    leaving.MISSION,
    outage.MISSION,
    new_keys.MISSION,
    at_least_once.MISSION,
    one_slow.MISSION,
    poison.MISSION,
    where_may_it_go.MISSION,
)
