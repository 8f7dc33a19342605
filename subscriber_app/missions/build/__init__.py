"""The Build track: missions in which the learner writes the receiver, in any language.

A mission is one module here and one line below. What the exam can judge is judged by its cases, in
the background; the rest by the deliveries to the learner's endpoint. Nothing that comes to this
subscriber counts.
"""

from subscriber_app.missions.build import (
    answer_first,
    at_least_once,
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
    the_exam,
    trust_nobody,
)
from subscriber_app.missions.mission import Mission

BUILD: tuple[Mission, ...] = (
    register.MISSION,
    first_delivery.MISSION,
    trust_nobody.MISSION,
    raw_body.MISSION,
    replay.MISSION,
    once_only.MISSION,
    not_now.MISSION,
    answer_first.MISSION,
    out_of_order.MISSION,
    leaving.MISSION,
    outage.MISSION,
    new_keys.MISSION,
    at_least_once.MISSION,
    one_slow.MISSION,
    poison.MISSION,
    the_exam.MISSION,
)
