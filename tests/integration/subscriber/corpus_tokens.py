"""The rows of the corpus about the bearer token; ``webhook-signature`` stays valid."""

import base64
import hashlib
import hmac
import json

from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.signer import (
    FORMER_SECRET,
    NOW,
    OTHER_SECRET,
    SECRET,
    SHOP_URL,
    Delivery,
    base64url,
    key_of,
    signed_token,
)
from tests.integration.subscriber.variants import Rows, Variant, each, variant

VALID = Delivery()
HEADER, CLAIMS, SIGNATURE = VALID.token.split(".")


def token(value: str, reason: Reason | None) -> Variant:
    return variant(reason, authorization=f"Bearer {value}")


def malformed(value: str) -> Variant:
    return token(value, Reason.MALFORMED_TOKEN)


def with_claims(reason: Reason, **claims: object) -> Variant:
    return variant(reason, Delivery(claims=claims))


def with_header(reason: Reason | None, secret: str = SECRET, **members: object) -> Variant:
    return token(Delivery(secret=secret, token_header=members).token, reason)


def with_algorithm(algorithm: str) -> Variant:
    return with_header(Reason.TOKEN_ALGORITHM, alg=algorithm)


def without_signature(algorithm: str) -> Variant:
    header, claims, _signature = Delivery(token_header={"alg": algorithm}).token.split(".")
    return token(f"{header}.{claims}.", Reason.TOKEN_ALGORITHM)


def validly_signed_with_hs384() -> Variant:
    header = json.dumps({"alg": "HS384", "typ": "webhook+jwt"})
    claims = json.dumps({"jti": VALID.message_id})
    return token(signed_token(header, claims, SECRET, digest="sha384"), Reason.TOKEN_ALGORITHM)


def of_type(type_: str) -> Variant:
    return with_header(Reason.TOKEN_TYPE, typ=type_)


def encoded(header: str, claims: str) -> Variant:
    """Return a token whose parts have these encodings, validly signed with our secret."""
    texts = [base64.urlsafe_b64decode(f"{part}==").decode() for part in (HEADER, CLAIMS)]
    parts = [
        base64url(text.encode(name)) for text, name in zip(texts, (header, claims), strict=True)
    ]
    signed = ".".join(parts)
    return malformed(
        f"{signed}.{base64url(hmac.digest(key_of(SECRET), signed.encode(), 'sha256'))}"
    )


BODY_HASH = hashlib.sha256(VALID.body).hexdigest()

WRONG_LIFETIMES = (
    "no exp / exp passed / exp as a string / exp more than 300 s after iat / iat in the "
    "future beyond 300 s"
)

TOKEN_ROWS: Rows = {
    ("token", "alg none, None, nOnE, with and without a signature"): (
        each(with_algorithm, "none", "None", "nOnE")
        | {f"{each}, unsigned": without_signature(each) for each in ("none", "None", "nOnE")}
    ),
    ("token", "alg HS384, RS256, hs256"): (
        each(with_algorithm, "HS384", "RS256", "hs256")
        | {"truly HS384": validly_signed_with_hs384()}
    ),
    ("token", "two parts, four parts, empty signature, trailing ="): {
        "two parts": malformed(f"{HEADER}.{CLAIMS}"),
        "four parts": malformed(f"{HEADER}.{CLAIMS}.{SIGNATURE}.{SIGNATURE}"),
        "empty signature": token(f"{HEADER}.{CLAIMS}.", Reason.TOKEN_SIGNATURE),
        "trailing =": malformed(f"{VALID.token}="),
    },
    ("token", WRONG_LIFETIMES): {
        "no exp": with_claims(Reason.TOKEN_LIFETIME, exp=None),
        "exp passed": variant(
            Reason.TOKEN_EXPIRED, Delivery(timestamp=NOW - 100, claims={"exp": NOW - 50})
        ),
        "exp before iat": with_claims(Reason.TOKEN_LIFETIME, exp=NOW - 1),
        "exp as a string": with_claims(Reason.TOKEN_LIFETIME, exp=str(NOW + 300)),
        "exp after 301 s": with_claims(Reason.TOKEN_LIFETIME, exp=NOW + 301),
        "exp after a year": with_claims(Reason.TOKEN_LIFETIME, exp=NOW + 365 * 86400),
        "iat in the future": with_claims(Reason.TOKEN_TIMESTAMP, iat=NOW + 301, exp=NOW + 601),
    },
    ("token", "typ at+jwt or JWT"): each(of_type, "at+jwt", "JWT"),
    ("token", "payload_hash missing / of another body / in upper case"): {
        "missing": with_claims(Reason.TOKEN_PAYLOAD_HASH, payload_hash=None),
        "of another body": with_claims(
            Reason.TOKEN_PAYLOAD_HASH, payload_hash=hashlib.sha256(b"other").hexdigest()
        ),
        "in upper case": with_claims(Reason.TOKEN_PAYLOAD_HASH, payload_hash=BODY_HASH.upper()),
    },
    ("token", "aud of another endpoint"): {
        "": with_claims(Reason.TOKEN_AUDIENCE, aud="http://other.example/v1/new-purchase")
    },
    ("token", "jti differs from webhook-id"): {
        "": with_claims(Reason.TOKEN_MESSAGE_ID, jti="msg_other")
    },
    ("token", "iat differs from webhook-timestamp"): {
        "": with_claims(Reason.TOKEN_TIMESTAMP, iat=NOW - 1, exp=NOW + 299)
    },
    # Signed with our secret: accepted, as the row's note allows, because the member is ignored.
    ("token", "header names jku, jwk or kid ../../dev/null"): {
        "jku, another secret": with_header(
            Reason.TOKEN_SIGNATURE, OTHER_SECRET, jku="http://evil.example/keys"
        ),
        "jwk, another secret": with_header(
            Reason.TOKEN_SIGNATURE, OTHER_SECRET, jwk={"kty": "oct", "k": OTHER_SECRET}
        ),
        "kid, another secret": with_header(
            Reason.TOKEN_SIGNATURE, OTHER_SECRET, kid="../../dev/null"
        ),
        "kid, our secret": with_header(None, kid="../../dev/null"),
    },
    ("token", "larger than 4 KiB"): {
        "": with_claims(Reason.MALFORMED_TOKEN, padding="x" * 4096),
        "1 MB": malformed("x" * 1_000_000),
    },
    ("token", "Basic scheme"): {
        "": variant(Reason.MALFORMED_TOKEN, authorization=f"Basic {VALID.token}"),
        "no scheme": variant(Reason.MALFORMED_TOKEN, authorization=VALID.token),
        "empty": variant(Reason.MALFORMED_TOKEN, authorization=""),
    },
    ("token", "scheme in lower case, bearer"): {
        "": variant(None, authorization=f"bearer {VALID.token}")
    },
    ("token", "valid token, wrong webhook-signature"): {
        "": variant(
            Reason.SIGNATURE_MISMATCH, webhook_signature=Delivery(secret=OTHER_SECRET).signature
        )
    },
    ("token", "wrong token, valid webhook-signature"): {
        "": token(Delivery(secret=OTHER_SECRET).token, Reason.TOKEN_SIGNATURE)
    },
    ("token", "nbf an hour ahead"): {
        "": with_claims(Reason.TOKEN_NOT_YET_VALID, nbf=NOW + 3600),
        "a second": with_claims(Reason.TOKEN_NOT_YET_VALID, nbf=NOW + 1),
    },
    ("token", "iss of another shop"): {
        "": with_claims(Reason.TOKEN_ISSUER, iss="http://other.example"),
        "a slash more": with_claims(Reason.TOKEN_ISSUER, iss=f"{SHOP_URL}/"),
        "none": with_claims(Reason.TOKEN_ISSUER, iss=None),
    },
    ("token", "header or claims in UTF-16, or after a byte order mark"): {
        "header in UTF-16": encoded("utf-16-le", "utf-8"),
        "claims in UTF-16": encoded("utf-8", "utf-16-be"),
        "both in UTF-16 with a mark": encoded("utf-16", "utf-16"),
        "claims in UTF-32": encoded("utf-8", "utf-32-le"),
        "header after a mark": encoded("utf-8-sig", "utf-8"),
        "claims after a mark": encoded("utf-8", "utf-8-sig"),
    },
    ("token", "b64 false in the header, without crit"): {
        "": with_header(Reason.MALFORMED_TOKEN, b64=False),
        "true": with_header(Reason.MALFORMED_TOKEN, b64=True),
    },
    ("token", "kid of no secret, right signature by ours"): {
        "": with_header(None, kid="sec_of_nobody")
    },
    ("token", "signed by the older of two live secrets"): {
        "": token(Delivery(secret=FORMER_SECRET).token, None),
        "and so is the signature": variant(None, Delivery(secret=FORMER_SECRET)),
    },
}
