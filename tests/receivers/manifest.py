"""Which cases of the exam each receiver fails. The names are those of ``--list``."""

from dataclasses import dataclass

# The scheme of each right receiver. It passes every case.
RIGHT = {
    "right/checks_token": "token",
    "right/flask_library": "standard",
    "right/node_library": "standard",
    "right/node_plain": "standard",
    "right/plain": "standard",
    "our_subscriber": "both",
}

BY_STATUS = ("accepts", "rejects")
BY_EFFECTS = ("once", "survives")
NEEDS_PROBE = {"once", "order", "crashes"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """``fails``: names of cases. ``asked``: groups and cases to play; it passes all others."""

    fails: set[str]
    asked: tuple[str, ...]
    scheme: str = "standard"

    @property
    def needs_probe(self) -> bool:
        return bool(NEEDS_PROBE & set(self.asked))


def fails(*names: str, asked: tuple[str, ...] = BY_STATUS) -> Wrong:
    return Wrong(set(names), asked)


def fails_with_token(*names: str) -> Wrong:
    return Wrong(set(names), BY_STATUS, scheme="token")


WRONG = {
    "accepts_hex": fails("signature-hex"),
    "acknowledges_before_commit": fails("nothing-lost", asked=("once", "crashes")),
    "ascii_only": fails("non-ascii"),
    "case_sensitive_headers": fails("header-case"),
    "check_then_insert": fails("ten-at-once", asked=BY_EFFECTS),
    "compares_parsed_body": fails("pretty-printed", "non-ascii", "line-feed", "reserialized"),
    "conflict_for_duplicates": fails("redelivery", asked=BY_EFFECTS),
    "crashes_on_bad_base64": fails("signature-truncated"),
    "crashes_on_junk": fails("signed-junk", "signed-empty", asked=BY_EFFECTS),
    "deduplicates_by_content": fails("same-id-other-body", asked=BY_EFFECTS),
    "deduplicates_in_memory": fails("ten-at-once", "nothing-twice", asked=("once", "crashes")),
    "dies_on_junk": fails("signed-junk", "signed-empty", asked=BY_EFFECTS),
    "does_not_verify": fails(
        "no-credential",
        "another-secret",
        "body-bit",
        "id-changed",
        "timestamp-changed",
        "line-feed",
        "reserialized",
        "signature-hex",
        "signature-empty",
        "signature-truncated",
        "signature-other-version",
        "timestamp-600s-old",
        "timestamp-600s-ahead",
        "timestamp-milliseconds",
        "timestamp-not-a-number",
    ),
    "exact_content_type": fails("charset"),
    "fails_on_unknown_types": fails("unknown-type", asked=BY_EFFECTS),
    "first_signature_only": fails(
        "signature-last",
        "signature-between-unknown",
        "both-secrets-sign",
        asked=(*BY_STATUS, "both-secrets-sign"),
    ),
    "last_event_wins": fails(
        "refund-before-purchase", "shipped-after-refunded", asked=("once", "order")
    ),
    "never_deduplicates": fails(
        "redelivery",
        "ten-at-once",
        "same-id-other-body",
        asked=BY_EFFECTS,
    ),
    "no_chunks": fails("chunked"),
    "no_head": fails("head", asked=("survives",)),
    "no_limit": fails("body-5-mb", asked=("accepts", "survives")),
    "no_timestamp_check": fails(
        "timestamp-600s-old",
        "timestamp-600s-ahead",
        "timestamp-milliseconds",
        "timestamp-not-a-number",
    ),
    "no_upper_bound": fails("timestamp-600s-ahead", "timestamp-milliseconds"),
    "short_tolerance": fails("timestamp-290s-old"),
    "slow": fails("twenty-p95", asked=("as-sent", "quick")),
    "small_limit": fails("body-20-kb", asked=("accepts", "survives")),
    "token_ignores_aud": fails_with_token("token-other-audience"),
    "token_ignores_body": fails_with_token(
        "body-bit", "line-feed", "reserialized", "token-other-body"
    ),
    "token_ignores_exp": fails_with_token("timestamp-600s-old", "token-expired"),
    "token_ignores_id": fails_with_token("id-changed", "token-other-message"),
    "token_lives_long": fails_with_token("token-year"),
    "token_trusts_alg": fails_with_token("token-alg-none", "token-hs512"),
}
