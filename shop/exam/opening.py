"""Explains in one sentence why the first answer of a receiver is not a 2xx. Pure."""

from shop.exam.case import Scheme
from shop.exam.judging import has_crashed
from shop.exam.wire import Answer
from shop.vocabulary import AttemptError

_UNREACHABLE = {
    AttemptError.DNS_ERROR: "the name in {url} does not resolve ({detail}): check its spelling",
    AttemptError.CONNECTION_REFUSED: "nobody listens at {url} ({detail}): start the receiver, and "
    "check host and port",
    AttemptError.CONNECTION_TIMEOUT: "{url} does not take connections ({detail}): check host, port "
    "and firewall",
    AttemptError.TLS_ERROR: "the TLS connection to {url} fails ({detail}): check the certificate, "
    "or use http:// for a receiver without TLS",
    AttemptError.BLOCKED_ADDRESS: "the exam may not call {url}: {detail}",
}


def explain_no_connection(url: str, answer: Answer) -> str:
    """Return a sentence on why there is no connection, and what to check."""
    assert answer.error is not None  # noqa: S101 – there is no connection
    return _UNREACHABLE[answer.error].format(url=url, detail=answer.detail)


def explain_first_answer(url: str, answer: Answer, scheme: Scheme) -> str:
    """Return a sentence on why the first genuine delivery was not accepted, and what to check."""
    status = answer.status
    if status is None:
        if answer.error is AttemptError.RESPONSE_TIMEOUT:
            return f"{url} did not answer the first genuine delivery within 10 s"
        return f"{url} did not answer the first genuine delivery: {answer.error}"
    if 300 <= status <= 399:  # noqa: PLR2004 – RFC 9110, section 15.4
        target = answer.header("location") or "elsewhere"
        return f"{url} redirects to {target} ({status}); senders do not follow redirects: use it"
    if "html" in answer.header("content-type") and status in (404, 405):
        return f"{url} answers with a page ({status}): that is a web site, not the receiver's path"
    return _explain_rejection(url, answer, status, scheme)


def _explain_rejection(url: str, answer: Answer, status: int, scheme: Scheme) -> str:
    if status in (401, 403, 400):
        checked = {
            Scheme.STANDARD: "webhook-signature",
            Scheme.TOKEN: "the token",
            Scheme.BOTH: "both credentials",
        }[scheme]
        return (
            f"the first genuine delivery was rejected with {status}: the secret is probably not "
            f"that of the receiver, or it does not verify {checked} over the raw bytes"
        )
    if status in (404, 405):
        return f"{url} answers with {status}: check the path; the receiver takes POST there"
    if has_crashed(answer):
        return f"the receiver crashed on the first genuine delivery ({status}): look at its log"
    return f"the first genuine delivery was not accepted: {status}"
