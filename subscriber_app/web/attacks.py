"""The attack desk on a receipt's page, and the page with the result of an attack."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from subscriber_app.database.models import AttackResult, Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.lab.attack_desk import AttackPredictor, NoReceipt, Unsendable
from subscriber_app.lab.attacks import Attack, ImpossibleAttack, Prediction
from subscriber_app.receiving.defences import Defence
from subscriber_app.receiving.receipts import find_receipt
from subscriber_app.vocabulary import Reason, Verdict
from subscriber_app.web.attack_labels import ATTACKS
from subscriber_app.web.defence_labels import DEFENCES
from subscriber_app.web.dependencies import TheAttackDesk, TheDatabase, TheDefences
from subscriber_app.web.labels import REASON_MEANINGS

EDITED_BY_HAND = "Edited by hand"

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class AttackOption:
    """One attack on the desk. ``prediction``: None if it is impossible; ``why``: the reason."""

    attack: str
    name: str
    description: str
    prediction: Prediction | None
    why: str = ""


def attack_options(predictor: AttackPredictor) -> list[AttackOption]:
    """Return every attack on a receipt, with its prediction."""
    return [
        AttackOption(
            attack.value,
            ATTACKS[attack].name,
            ATTACKS[attack].description,
            prediction=None if isinstance(expected, ImpossibleAttack) else expected,
            why=str(expected) if isinstance(expected, ImpossibleAttack) else "",
        )
        for attack, expected in predictor.predictions().items()
    ]


@post("/receipts/{receipt_id:str}/attacks/{attack:str}", include_in_schema=False)
@once_per_form
async def launch_attack(
    request: AnyRequest,  # noqa: ARG001 – for @once_per_form
    database: TheDatabase,
    attack_desk: TheAttackDesk,
    receipt_id: FromPath[str],
    attack: FromPath[str],
) -> Response[Any]:
    """Send one attack to our own receiver, and redirect to its result."""
    receipt = await existing_receipt(database, receipt_id)
    if attack not in list(Attack):
        raise NotFoundException(f"there is no attack {attack!r}")
    try:
        new_id = await attack_desk.attack(receipt, Attack(attack))
    except (ImpossibleAttack, Unsendable) as error:
        raise Problem(422, str(error)) from error
    except NoReceipt as error:
        raise Problem(502, str(error)) from error
    return Redirect(f"/attacks/{new_id}", status_code=303)


@get("/attacks/{attack_id:str}", include_in_schema=False)
async def show_attack(
    database: TheDatabase, defences: TheDefences, attack_id: FromPath[str]
) -> Template:
    """Show the verdict and the prediction. ``attack_id``: the receipt id of the attack."""
    async with database.reading() as session:
        result = await session.get(AttackResult, attack_id)
        receipt = await session.get(Receipt, attack_id)
    if result is None or receipt is None:
        raise NotFoundException(f"no attack has left a receipt {attack_id!r}")
    label = ATTACKS[Attack(result.attack)] if result.attack else None
    return Template(
        "subscriber/attacks/attack.html",
        context={
            "attack": result.attack,
            "name": label.name if label else EDITED_BY_HAND,
            "description": label.description if label else "",
            "result": result,
            "receipt": receipt,
            "as_predicted": _outcome(result) == (receipt.verdict, receipt.reason),
            "meaning": REASON_MEANINGS[Reason(receipt.reason)] if receipt.reason else "",
            "booked": receipt.verdict is Verdict.ACCEPTED and receipt.value_cents is not None,
            "defences": _defences_against(result),
            "off": defences.off,
        },
    )


async def existing_receipt(database: Database, receipt_id: str) -> Receipt:
    """Return the receipt. Raise ``NotFoundException``."""
    async with database.reading() as session:
        receipt = await find_receipt(session, receipt_id)
    if receipt is None:
        raise NotFoundException(f"there is no receipt {receipt_id!r}")
    return receipt


def _outcome(result: AttackResult) -> tuple[Verdict, Reason | None]:
    return result.predicted_verdict, result.predicted_reason


def _defences_against(result: AttackResult) -> list[tuple[Defence, str]]:
    """Return the defences that stop this attack, with their names."""
    return [
        (defence, label.name)
        for defence, label in DEFENCES.items()
        if result.attack and Attack(result.attack) in label.attacks
    ]
