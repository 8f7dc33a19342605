"""A request that is signed with a former secret alone: what the thief of a secret sends."""

from subscriber_app.lab.forged_credentials import Signable, signature_of
from subscriber_app.receiving.verification import IncomingRequest

USER_AGENT = "Hookshop-Old-Secret"


def signed_with(secret: str, original: IncomingRequest, now: int) -> IncomingRequest:
    """Return the same message, signed at ``now`` (unix seconds) with this secret alone.

    It keeps its id, so it is not booked again while the secret is still valid.
    """
    message_id = original.header("webhook-id") or ""
    content = Signable(message_id, now, original.body, audience="", issuer="")
    headers = [
        ("user-agent", USER_AGENT),
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", signature_of(content, secret)),
    ]
    return IncomingRequest(headers, original.body)
