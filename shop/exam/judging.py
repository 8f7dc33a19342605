"""The rules by which responses and effects pass. Pure."""

import math
from collections.abc import Sequence
from http import HTTPStatus

from shop.exam.case import Effects, Judge, Judgment, Observation, Verdict
from shop.exam.wire import Answer, Exchange
from shop.vocabulary import AttemptError

MAX_P95_SECONDS = 1.0
MAX_ANSWER_SECONDS = 10.0  # the shop's deadline for a whole request and response
EFFECTS_UNKNOWN = "side effects not judged"


def is_success(answer: Answer) -> bool:
    """Return whether the sender counts the message as delivered."""
    return answer.status is not None and 200 <= answer.status <= 299  # noqa: PLR2004 – RFC 9110


def is_rejection(answer: Answer) -> bool:
    """Return whether the receiver rejected the request in an orderly way."""
    return answer.status is not None and 400 <= answer.status <= 499  # noqa: PLR2004 – RFC 9110


def has_crashed(answer: Answer) -> bool:
    """Return whether the receiver answered with an error of its own."""
    return answer.status is not None and answer.status >= 500  # noqa: PLR2004 – RFC 9110


def accepted(seen: Observation) -> Judgment:
    """Each request gets a 2xx and, if there is evidence, has its effect exactly once."""
    for exchange in seen.exchanges:
        if not is_success(exchange.answer):
            return _failed(_named(exchange, _rejection_in_words(exchange.answer)))
    return _with_effects(seen, times=1)


def rejected(seen: Observation) -> Judgment:
    """Each request gets a 4xx and, if there is evidence, has no effect."""
    for exchange in seen.exchanges:
        answer = exchange.answer
        if is_success(answer):
            return _failed(_named(exchange, f"{answer}: accepted a forgery"))
        if has_crashed(answer):
            return _failed(_named(exchange, f"{answer}: crashed"))
        if not is_rejection(answer):
            return _failed(_named(exchange, f"{answer}, not a 4xx"))
    return _with_effects(seen, times=0)


def refused(seen: Observation) -> Judgment:
    """Each signed but unusable request gets a 4xx: neither a 2xx nor a crash."""
    for exchange in seen.exchanges:
        answer = exchange.answer
        if has_crashed(answer):
            return _failed(_named(exchange, f"{answer}: crashed"))
        if not is_rejection(answer):
            return _failed(_named(exchange, f"{answer}, not a 4xx"))
    return _with_effects(seen, times=0)


def ignored(seen: Observation) -> Judgment:
    """Each request gets a 2xx and, if there is evidence, has no effect."""
    for exchange in seen.exchanges:
        answer = exchange.answer
        if not is_success(answer):
            return _failed(_named(exchange, f"{answer}, so the sender retries, and gives up"))
    return _with_effects(seen, times=0)


def not_crashed(seen: Observation) -> Judgment:
    """Each request gets a response below 500."""
    for exchange in seen.exchanges:
        if exchange.answer.status is None or has_crashed(exchange.answer):
            return _failed(_named(exchange, _crash_in_words(exchange.answer)))
    return _passed(_answers(seen.exchanges))


def still_accepts(seen: Observation) -> Judgment:
    """The last request, a genuine one, gets a 2xx. The others may end in any way but a 5xx."""
    *hostile, genuine = seen.exchanges
    for exchange in hostile:
        if has_crashed(exchange.answer):
            return _failed(_named(exchange, f"{exchange.answer}: crashed"))
    if not is_success(genuine.answer):
        return _failed(f"the next genuine request: {genuine.answer}")
    return _passed(_answers(seen.exchanges))


def too_large(seen: Observation) -> Judgment:
    """The first request gets a 4xx or a closed connection; the genuine one after it a 2xx."""
    large = seen.exchanges[0].answer
    is_closed = large.error is AttemptError.CONNECTION_RESET
    if not is_rejection(large) and not is_closed and not has_crashed(large):
        return _failed(f"{large}, not a 4xx or a closed connection")
    return still_accepts(seen)


def happened_once(seen: Observation) -> Judgment:
    """Every copy gets a 2xx, and the message has exactly one effect."""
    for exchange in seen.exchanges:
        if not is_success(exchange.answer):
            return _failed(_named(exchange, f"{exchange.answer}, not a 2xx"))
    return _judge_effects(seen, times=1)


def happened_once_at_once(seen: Observation) -> Judgment:
    """At least one of the copies gets a 2xx, and the message has exactly one effect."""
    if not any(is_success(exchange.answer) for exchange in seen.exchanges):
        return _failed(f"no copy was accepted: {_answers(seen.exchanges)}")
    return _judge_effects(seen, times=1)


def first_counts(value: float) -> Judge:
    """Return a judge: the first request counts, and nothing of the second one.

    ``value``: that of the first request.
    """

    def judge(seen: Observation) -> Judgment:
        first, second = seen.exchanges
        if not is_success(first.answer):
            return _failed(_named(first, _rejection_in_words(first.answer)))
        if has_crashed(second.answer):
            return _failed(_named(second, f"{second.answer}: crashed"))
        judgment = _judge_effects(seen, times=1)
        counted = seen.effects.get(first.request.message_id)
        if counted and counted.value is not None and not math.isclose(counted.value, value):
            return _failed(f"the effect is {counted.value:g}, that of the second body")
        return judgment

    return judge


def quick_in_general(seen: Observation) -> Judgment:
    """95 of 100 requests are answered within a second."""
    slow = [each for each in seen.exchanges if not is_success(each.answer)]
    if slow:
        return _failed(f"{len(slow)} of {len(seen.exchanges)} not accepted: {_answers(slow)}")
    p95 = percentile_95([each.answer.seconds for each in seen.exchanges])
    judgment = _passed if p95 <= MAX_P95_SECONDS else _failed
    return judgment(f"p95 {p95:.2f} s")


def each_in_time(seen: Observation) -> Judgment:
    """Every request is accepted within the deadline of the shop."""
    slowest = max(each.answer.seconds for each in seen.exchanges)
    for each in seen.exchanges:
        if not is_success(each.answer) or each.answer.seconds > MAX_ANSWER_SECONDS:
            return _failed(f"{each.answer} after {each.answer.seconds:.2f} s")
    return _passed(f"slowest {slowest:.2f} s")


def percentile_95(values: Sequence[float]) -> float:
    """Return the smallest value that at least 95 % of the values do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def ends_as(state: str) -> Judge:
    """Return a judge: all requests get a 2xx, and the order ends in this state."""

    def judge(seen: Observation) -> Judgment:
        for exchange in seen.exchanges:
            if not is_success(exchange.answer):
                return _failed(_named(exchange, _rejection_in_words(exchange.answer)))
        if seen.order_state is None:
            return Judgment(Verdict.NOT_JUDGED, "the probe does not tell the state of an order")
        judgment = _passed if seen.order_state == state else _failed
        return judgment(f"the order is {seen.order_state}")

    return judge


def nothing_lost(seen: Observation) -> Judgment:
    """Every message during which the receiver was killed has an effect after its redelivery."""
    lost = [name for name in seen.interrupted if seen.effects[name].times == 0]
    return _failed(_listed(lost, "lost")) if lost else _passed(_survived(seen))


def nothing_twice(seen: Observation) -> Judgment:
    """No message during which the receiver was killed has more than one effect."""
    twice = [name for name in seen.interrupted if seen.effects[name].times > 1]
    return _failed(_listed(twice, "doubled")) if twice else _passed(_survived(seen))


def _survived(seen: Observation) -> str:
    return f"killed {len(seen.interrupted)} times"


def _listed(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}: {', '.join(names)}"


def _with_effects(seen: Observation, *, times: int) -> Judgment:
    """Return passed, unless there is evidence of another number of effects."""
    if not seen.effects:
        return _passed(_answers(seen.exchanges))
    return _judge_effects(seen, times=times)


def _judge_effects(seen: Observation, *, times: int) -> Judgment:
    answers = _answers(seen.exchanges)
    if not seen.effects:
        return Judgment(Verdict.NOT_JUDGED, f"{answers}; {EFFECTS_UNKNOWN}")
    for message_id, effects in seen.effects.items():
        if effects.times != times:
            return _failed(f"{answers}; {_counted(effects)} of {message_id}, expected {times}")
    return _passed(f"{answers}; {_counted(Effects(times))}")


def _counted(effects: Effects) -> str:
    return {0: "no effect", 1: "one effect"}.get(effects.times, f"{effects.times} effects")


def _rejection_in_words(answer: Answer) -> str:
    if answer.status is None and answer.detail:
        return f"{answer}: {answer.detail}"
    return f"{answer}: rejected a genuine webhook" if is_rejection(answer) else str(answer)


def _crash_in_words(answer: Answer) -> str:
    if answer.status == HTTPStatus.NOT_IMPLEMENTED:
        return f"{answer}: the method is not implemented; respond with 405"
    return f"{answer}: crashed"


def _answers(exchanges: Sequence[Exchange]) -> str:
    """Return all answers, equal ones counted, such as ``200 × 9, 409``."""
    texts = [str(exchange.answer) for exchange in exchanges]
    counted = {text: texts.count(text) for text in texts}
    return ", ".join(text if count == 1 else f"{text} × {count}" for text, count in counted.items())


def _named(exchange: Exchange, text: str) -> str:
    return f"{exchange.name}: {text}" if exchange.name else text


def _passed(got: str) -> Judgment:
    return Judgment(Verdict.PASSED, got)


def _failed(got: str) -> Judgment:
    return Judgment(Verdict.FAILED, got)
