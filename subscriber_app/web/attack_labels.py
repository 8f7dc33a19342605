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
        "The recorded request, byte for byte, in the hope that it is booked again. While it is "
        "fresh, only the memory of handled messages stops it.",
    ),
    Attack.LATE_REPLAY: AttackLabel(
        "Replay after ten minutes",
        "A rightly signed request that was made ten minutes ago and kept for later; we sign it "
        "here, so that nobody has to wait. The timestamp window stops it.",
    ),
    Attack.AMOUNT: AttackLabel(
        "Change the amount",
        "A genuine purchase is caught on its way and made larger; its signature stays. The "
        "signature stops it, since it was made for other bytes.",
    ),
    Attack.RESERIALISED: AttackLabel(
        "Re-serialize the body",
        "The same JSON with other white space, as a proxy might write it, in the hope that nobody "
        "looks at the bytes. Verifying the raw body stops it.",
    ),
    Attack.WRONG_SECRET: AttackLabel(
        "Sign with a wrong secret",
        "An invented purchase, signed by all the rules with the attacker's own secret. The "
        "signature check stops it.",
    ),
    Attack.NO_SIGNATURE: AttackLabel(
        "Drop the signature",
        "The same message again with its token alone, in the hope that what is missing is not "
        "missed. One credential is enough, so this is no break-in: the token proves as much.",
    ),
    Attack.NO_CREDENTIAL: AttackLabel(
        "Drop both credentials",
        "An invented purchase without signature and token, in the hope that nothing to check means "
        "nothing to refuse. At least one must be there as long as either is checked.",
    ),
    Attack.TOKEN_ALG_NONE: AttackLabel(
        "Token with alg none",
        "An invented purchase with a token that says of itself that it needs no signature. The "
        "token check stops it: the algorithm is pinned.",
    ),
    Attack.TOKEN_OF_ANOTHER_BODY: AttackLabel(
        "Token of another body",
        "A genuine token is caught and sent with a larger amount. The token check stops it: the "
        "token names the hash of the body it was made for.",
    ),
    Attack.TOKEN_LIFETIME: AttackLabel(
        "Token for a year",
        "A rightly signed token that is good for a year, and so worth stealing. The token check "
        "stops it: a lifetime over five minutes is refused.",
    ),
    Attack.CONFLICT: AttackLabel(
        "Same id, another body",
        "Rightly signed, with the id of a message that was handled, and another amount. "
        "De-duplication stops it: the first body counts.",
    ),
}
