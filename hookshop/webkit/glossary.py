"""The glossary: terms that pages use, explained in one or two plain sentences each. Pure.

``templates/shared/glossary_macros.html`` shows an explanation where the term appears.
"""

from collections.abc import Mapping

GLOSSARY: Mapping[str, str] = {
    "at least once": (
        "A promise of delivery: every message arrives, and some arrive more than once. "
        "Receivers must recognize duplicates."
    ),
    "attempt": "One HTTP request of a delivery. If it fails, another one follows later.",
    "backlog": "Deliveries that are due and wait for a free worker.",
    "backoff": (
        "Waiting longer after each failed attempt, so that a receiver in trouble can recover."
    ),
    "booking": "Recording the value of an accepted event, once per message.",
    "circuit breaker": (
        "After many failures in a row, the shop puts all deliveries to an endpoint on hold. "
        "A test request goes out from time to time; when one succeeds, the deliveries continue."
    ),
    "dead letter": (
        "A message that could not be delivered and was set aside. "
        "Hookshop calls it a failed delivery; you can resend it."
    ),
    "delivery": "One message on its way to one endpoint, with all its attempts.",
    "duplicate": (
        "A request with a message that was accepted before. It is acknowledged, not booked."
    ),
    "endpoint": "A URL that is registered to receive webhooks, with its secrets and event types.",
    "event": "Something that happened, such as a purchase: a type, a time and data.",
    "fault": "A failure that you set on purpose, to see how the sender reacts to it.",
    "HMAC": (
        "A checksum that depends on a secret key. "
        "Only somebody who has the key can compute it or verify it."
    ),
    "idempotency": (
        "Handling the same message twice has the same effect as handling it once. "
        "The webhook-id shows that two requests carry the same message."
    ),
    "jitter": (
        "A random change of each waiting time, so that many retries do not come at the same moment."
    ),
    "JWT": (
        "JSON Web Token: a signed text with claims, such as who sent a request and when it expires."
    ),
    "lease": (
        "A worker's claim on a delivery, for a limited time. "
        "If the worker crashes, the lease expires and another worker continues."
    ),
    "message": (
        "An event as it is stored for sending, byte by byte. "
        "Its id is in the webhook-id header of every attempt."
    ),
    "polling": "Asking again and again whether something has happened. Most answers are “no”.",
    "probe": "A single test request while the circuit breaker is open.",
    "raw body": (
        "The bytes of a request exactly as they arrived. "
        "The signature is verified over these bytes, before anything parses them."
    ),
    "receipt": (
        "The subscriber's record of one incoming request: "
        "accepted, duplicate, ignored or rejected, with the reason."
    ),
    "replay": (
        "Sending a recorded genuine request again later. "
        "Its signature is valid, but its timestamp is too old."
    ),
    "retry": "Another attempt after a failed one, at a time that the retry schedule sets.",
    "retry schedule": (
        "The waiting times before each attempt. After the last one the delivery fails."
    ),
    "rotation": (
        "Replacing a secret with a new one. "
        "The sender signs with both for a while, so that no request is rejected."
    ),
    "sandbox": (
        "A shop and a subscriber of one's own, at an address of their own. "
        "Nobody sees or delays what happens in another one."
    ),
    "secret": (
        "A random key that only the shop and the subscriber know. "
        "The shop signs with it, and the subscriber verifies with it."
    ),
    "signature": (
        "Proof that a request comes from the holder of the secret and was not changed: "
        "an HMAC of its id, timestamp and body."
    ),
    "skipping time": (
        "Bringing everything planned in a sandbox nearer, so that the next attempt is due now. "
        "Each retry is really made; dates and the clocks of receivers do not move."
    ),
    "subscription": (
        "The subscriber's registration at the shop: where to send webhooks, for which event types."
    ),
    "timestamp": (
        "The time of an attempt, in seconds. "
        "It is signed, and one older than five minutes is rejected."
    ),
    "token": (
        "A JWT in the authorization header: a second proof of where a request comes from, "
        "beside the signature."
    ),
    "trace": "The history of one message in both applications, from the order to the booking.",
    "webhook": (
        "An HTTP request that one application sends to another as soon as something happens."
    ),
    "worker": "A process of the shop that sends the webhooks, apart from the web pages.",
}
