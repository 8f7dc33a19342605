"""The name and the description of each attack."""

from dataclasses import dataclass

from subscriber_app.lab.attacks import Attack


@dataclass(frozen=True, slots=True)
class AttackLabel:
    """``name``: also on its button. ``description``: what the attacker hopes for, what stops it."""

    name: str
    description: str


ATTACKS = {
    Attack.REPLAY: AttackLabel(
        "Replay now",
        "Sends the recorded request again, byte for byte, to have it booked twice. While the "
        "request is fresh, only de-duplication stops it.",
    ),
    Attack.LATE_REPLAY: AttackLabel(
        "Replay after ten minutes",
        "Sends a correctly signed request that is ten minutes old. (We sign it here, so that you "
        "need not wait.) The timestamp window stops it.",
    ),
    Attack.AMOUNT: AttackLabel(
        "Change the amount",
        "Increases the amount of a genuine purchase and keeps its signature. The signature check "
        "stops it, because the signature is for other bytes.",
    ),
    Attack.RESERIALISED: AttackLabel(
        "Re-serialize the body",
        "Sends the same JSON with different white space, as a proxy might. Verifying the raw body "
        "stops it.",
    ),
    Attack.WRONG_SECRET: AttackLabel(
        "Sign with a wrong secret",
        "Invents a purchase and signs it with the attacker's own secret. The signature check "
        "stops it.",
    ),
    Attack.NO_SIGNATURE: AttackLabel(
        "Drop the signature",
        "Sends the same message with its token only. One credential is enough, so this is not a "
        "break-in: the token proves as much as the signature.",
    ),
    Attack.NO_CREDENTIAL: AttackLabel(
        "Drop both credentials",
        "Invents a purchase without signature and token. The receiver requires at least one of "
        "them, as long as either is checked.",
    ),
    Attack.TOKEN_ALG_NONE: AttackLabel(
        "Token with alg none",
        "Invents a purchase with a token that claims to need no signature. The token check stops "
        "it, because it accepts one algorithm only.",
    ),
    Attack.TOKEN_OF_ANOTHER_BODY: AttackLabel(
        "Token of another body",
        "Sends a genuine token with a larger amount. The token check stops it, because the token "
        "holds the hash of the body that it was made for.",
    ),
    Attack.TOKEN_LIFETIME: AttackLabel(
        "Token for a year",
        "Sends a correctly signed token that is valid for a year, and so worth stealing. The "
        "token check stops it: the maximum lifetime is five minutes.",
    ),
    Attack.CONFLICT: AttackLabel(
        "Same id, another body",
        "Sends a correctly signed request with the id of an accepted message, but another amount. "
        "De-duplication stops it: the first body is kept.",
    ),
}
