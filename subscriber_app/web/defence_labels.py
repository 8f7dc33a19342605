"""The name and the explanation of each defense."""

from dataclasses import dataclass

from subscriber_app.lab.attacks import Attack
from subscriber_app.receiving.defences import Defence


@dataclass(frozen=True, slots=True)
class DefenceLabel:
    """``protects``, ``without``: one or two sentences. ``attacks``: those that it stops."""

    name: str
    protects: str
    without: str
    attacks: tuple[Attack, ...]


DEFENCES = {
    Defence.TIMESTAMP: DefenceLabel(
        "Timestamp window",
        "A request is valid for five minutes. An attacker cannot record it and send it later.",
        "A recorded request stays valid forever. Only de-duplication still stops it, and it must "
        "never forget a message. With de-duplication off too, the money is booked again.",
        (Attack.LATE_REPLAY,),
    ),
    Defence.SIGNATURE: DefenceLabel(
        "Signature check",
        "Only the holder of the secret can sign a request, and only for these exact bytes.",
        "Any signature is accepted. Anybody who finds the address can invent purchases or change "
        "the amount of a genuine one. The token check does not help, because a request may come "
        "with a signature only.",
        (Attack.WRONG_SECRET, Attack.AMOUNT),
    ),
    Defence.TOKEN: DefenceLabel(
        "Token check",
        "A token is valid for one body, one message, one endpoint and five minutes. It cannot "
        "choose how it is verified.",
        "Any text after Bearer is accepted: a token without a signature, one for another body, or "
        "one that was stolen a year ago. The signature check does not help, because a request may "
        "come with a token only.",
        (Attack.TOKEN_ALG_NONE, Attack.TOKEN_OF_ANOTHER_BODY, Attack.TOKEN_LIFETIME),
    ),
    Defence.RAW_BODY: DefenceLabel(
        "Raw body",
        "The signature is verified over the received bytes, before anything parses them.",
        "The JSON is parsed and re-serialized first, as many web frameworks do. Changed bytes can "
        "then pass, and genuine webhooks are rejected if the two serializers differ: the shop "
        "writes 12.0, this one writes 12, so every round amount is rejected.",
        (Attack.RESERIALISED,),
    ),
    Defence.DEDUPLICATION: DefenceLabel(
        "De-duplication",
        "A message is booked once, even if it is received several times. Duplicates are normal, "
        "because senders retry.",
        "Every repeated request is booked again: a replay, a retry after a lost response, or a "
        "resend in the shop. The second request may even have another body.",
        (Attack.REPLAY, Attack.CONFLICT),
    ),
}
