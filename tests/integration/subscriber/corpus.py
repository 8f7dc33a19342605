"""Creates the requests for each row of ``tests/data/receiver_requests.json``.

A row with several values stands for several requests. The rows "repeat" need more than one request
each: see ``test_repeats``.
"""

import json
from dataclasses import replace

from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.corpus_tokens import TOKEN_ROWS
from tests.integration.subscriber.signer import NOW, Delivery, purchase
from tests.integration.subscriber.variants import Rows, Variant, each, variant

VALID = Delivery()
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
MAX_BODY_BYTES = 256 * 1024


def signature(value: str, delivery: Delivery = VALID) -> dict[str, Variant]:
    return {value[:60]: variant(Reason.SIGNATURE_MISMATCH, delivery, webhook_signature=value)}


def with_both_alphabet_differences() -> Delivery:
    """Return a delivery whose signature differs in the two alphabets of base64."""
    candidates = (Delivery(message_id=f"msg_{number}") for number in range(100))
    return next(each for each in candidates if {"+", "/"} <= set(each.signature))


def url_safe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


def with_unused_bits(text: str) -> str:
    """Change the last character to one that a lenient decoder reads as the same bytes."""
    last = BASE64.index(text[-2])
    return f"{text[:-2]}{BASE64[last ^ 1]}="


SIGNATURE_ROWS: Rows = {
    ("signature", "v1"): signature("v1"),
    ("signature", "v1,a,b"): signature("v1,a,b"),
    ("signature", "v1,dawfeoifkpqwoekfpqoekf"): signature("v1,dawfeoifkpqwoekfpqoekf"),
    ("signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="): signature(
        "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    ),
    ("signature", "v2,VALID only"): signature(VALID.signature.replace("v1", "v2")),
    ("signature", "v1a,VALID"): signature(VALID.signature.replace("v1", "v1a")),
    ("signature", "V1,VALID"): signature(VALID.signature.replace("v1", "V1")),
    ("signature", "v1,VALID in hex"): signature(VALID.signature_in_hex),
    ("signature", "v1,VALID with a newline inside the base64"): signature(
        f"{VALID.signature[:20]}\n{VALID.signature[20:]}"
    ),
    ("signature", "v1,VALID in the URL-safe alphabet (where it differs)"): signature(
        url_safe(with_both_alphabet_differences().signature), with_both_alphabet_differences()
    ),
    (
        "signature",
        "v1,VALID with the last two characters before = altered in their unused bits",
    ): signature(with_unused_bits(VALID.signature)),
    ("signature", "v1,VALID followed by ===="): signature(f"{VALID.signature}===="),
    ("signature", "v1,abc v1,VALID"): {
        "": variant(None, webhook_signature=f"v1,abc {VALID.signature}")
    },
    ("signature", "v2,x v1,VALID"): {
        "": variant(None, webhook_signature=f"v2,x {VALID.signature}")
    },
    ("signature", "10,000 wrong signatures"): signature(
        " ".join(["v1," + "A" * 43 + "="] * 10_000)
    ),
}


def timestamp(value: int | str, reason: Reason | None = Reason.MALFORMED_TIMESTAMP) -> Variant:
    return variant(reason, Delivery(timestamp=value))


TIMESTAMP_ROWS: Rows = {
    ("timestamp", "now - 299"): {"": timestamp(NOW - 299, None)},
    ("timestamp", "now - 302"): {"": timestamp(NOW - 302, Reason.TIMESTAMP_TOO_OLD)},
    ("timestamp", "now + 302"): {"": timestamp(NOW + 302, Reason.TIMESTAMP_TOO_NEW)},
    ("timestamp", "milliseconds"): {"": timestamp(NOW * 1000, Reason.TIMESTAMP_TOO_NEW)},
    ("timestamp", "+now"): {"": timestamp(f"+{NOW}")},
    ("timestamp", "now with a fraction"): {"": timestamp(f"{NOW}.5")},
    ("timestamp", "1.79e9"): {"": timestamp("1.79e9")},
    ("timestamp", "nan, inf, 1e400, -1, hex, empty, hello"): each(
        timestamp, "nan", "inf", "1e400", "-1", hex(NOW), f"{NOW:x}", "", "hello"
    ),
    ("timestamp", "full-width digits, underscores, spaces"): each(
        timestamp,
        "".join(chr(ord(digit) + 0xFEE0) for digit in str(NOW)),
        f"{NOW:_}",
        f" {NOW}",
        f"{NOW} ",
        f"{NOW:,}".replace(",", " "),
    ),
}


def twice(message_id: str) -> Variant:
    headers = VALID.headers()
    return Variant([*headers, ("webhook-id", message_id)], VALID.body, Reason.DUPLICATE_HEADER)


def also_encoded(*encodings: str) -> Variant:
    """Add these encodings after a header with ``identity``."""
    headers = [("content-encoding", each) for each in ("identity", *encodings)]
    return Variant([*VALID.headers(), *headers], VALID.body, Reason.UNSUPPORTED_CONTENT_ENCODING)


HEADER_ROWS: Rows = {
    (
        "header",
        "webhook-id missing / webhook-timestamp missing / both credentials missing",
    ): {
        "no webhook-id": variant(Reason.MISSING_HEADER, webhook_id=None),
        "no webhook-timestamp": variant(Reason.MISSING_HEADER, webhook_timestamp=None),
        "no credential": variant(Reason.NO_CREDENTIAL, webhook_signature=None, authorization=None),
    },
    ("header", "webhook-id sent twice"): each(twice, VALID.message_id, "msg_other"),
    ("content-type", "text/plain"): {
        "text/plain": variant(Reason.UNSUPPORTED_CONTENT_TYPE, content_type="text/plain"),
        "none": variant(Reason.UNSUPPORTED_CONTENT_TYPE, content_type=None),
    },
    ("content-encoding", "gzip"): {
        "": variant(Reason.UNSUPPORTED_CONTENT_ENCODING, content_encoding="gzip"),
        "the second of two": also_encoded("gzip"),
        "and another": also_encoded("gzip", "br"),
    },
}


def body_changed(body: bytes) -> dict[str, Variant]:
    """Change the body after signing, so that neither credential matches."""
    assert body != VALID.body
    return {"": Variant(VALID.headers(), body, Reason.SIGNATURE_MISMATCH)}


def signed(body: bytes, reason: Reason | None = Reason.MALFORMED_EVENT) -> Variant:
    return variant(reason, replace(VALID, body=body))


TOO_LARGE = signed(b'"' + b"x" * MAX_BODY_BYTES + b'"', Reason.TOO_LARGE)

NO_EVENTS = (
    "correctly signed: invalid UTF-8 / empty / not JSON / 100,000 open brackets / NaN / "
    "duplicate keys / wrong shape"
)

BODY_ROWS: Rows = {
    ("body", "re-serialised JSON (other white space)"): body_changed(
        json.dumps(json.loads(VALID.body)).encode()
    ),
    ("body", "one byte changed"): body_changed(VALID.body.replace(b"50.75", b"90.75")),
    ("body", "trailing LF"): body_changed(VALID.body + b"\n"),
    ("body", NO_EVENTS): {
        "invalid UTF-8": signed(VALID.body.replace(b"ord_1", b"ord_\xff")),
        "empty": signed(b""),
        "not JSON": signed(b"hello"),
        "100,000 open brackets": signed(b"[" * 100_000),
        "NaN": signed(VALID.body.replace(b"50.75", b"NaN")),
        "duplicate keys": signed(VALID.body.replace(b'"value"', b'"value":1,"value"')),
        "wrong shape": signed(b"[1, 2, 3]"),
    },
    ("body", "correctly signed: unknown event type"): {
        "": signed(purchase(type_="purchase.gift"), None)
    },
    ("body", "above 256 KiB, also without Content-Length"): {
        "with Content-Length": TOO_LARGE,
        "without": replace(TOO_LARGE, is_chunked=True),
    },
}

ROWS: Rows = SIGNATURE_ROWS | TIMESTAMP_ROWS | HEADER_ROWS | BODY_ROWS | TOKEN_ROWS
