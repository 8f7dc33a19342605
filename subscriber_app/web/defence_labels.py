"""The name and the explanation of each defence."""

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
        "A request counts for five minutes. Whoever records one cannot keep it for later.",
        "A recording stays good for ever. Only the memory of handled messages still stops it, "
        "and it must never forget: without de-duplication as well, the money is booked again.",
        (Attack.LATE_REPLAY,),
    ),
    Defence.SIGNATURE: DefenceLabel(
        "Signature check",
        "Only who has the secret can make the signature, and only for these very bytes.",
        "The header must be there, but anything may stand in it: whoever finds the address can "
        "invent purchases, or change the amount of a genuine one on its way. The token check does "
        "not help, since a request may come with a signature alone.",
        (Attack.WRONG_SECRET, Attack.AMOUNT),
    ),
    Defence.TOKEN: DefenceLabel(
        "Token check",
        "A token is good for one body, one message, one endpoint and five minutes, and it may not "
        "choose how it is checked.",
        "Any text after Bearer opens the door: a token without a signature, one made for another "
        "body, one that was stolen a year ago. The signature check does not help, since a request "
        "may come with a token alone.",
        (Attack.TOKEN_ALG_NONE, Attack.TOKEN_OF_ANOTHER_BODY, Attack.TOKEN_LIFETIME),
    ),
    Defence.RAW_BODY: DefenceLabel(
        "Raw body",
        "What is verified are the bytes that came, before anything has parsed them.",
        "The JSON is parsed and written again first, as many web frameworks do it. Bytes that were "
        "changed on the way then pass, and genuine webhooks are refused wherever the two ways of "
        "writing differ: the shop writes 12.0, this one 12, so every round amount bounces.",
        (Attack.RESERIALISED,),
    ),
    Defence.DEDUPLICATION: DefenceLabel(
        "De-duplication",
        "A message is booked once, however often it comes. Senders retry: that it comes twice is "
        "normal, and not only an attack.",
        "Whatever comes again is booked again: a replay, a retry after a lost answer, one click on "
        "Send again now in the shop. The same id may even say something else the second time.",
        (Attack.REPLAY, Attack.CONFLICT),
    ),
}
