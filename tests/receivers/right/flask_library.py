"""A right receiver with Flask and the official library: pip install flask standardwebhooks.

What it does with an event, and how often, is as in plain.py.
"""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from standardwebhooks import Webhook, WebhookVerificationError

from tests.receivers.right import plain

WEBHOOKS = [Webhook(secret) for secret in plain.SECRETS]

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = plain.MAX_BODY_BYTES


@app.post("/hook")
def receive() -> ResponseReturnValue:
    if request.mimetype != "application/json":
        return "", 415
    body = request.get_data()  # the raw bytes, not request.json
    if not any(is_genuine(webhook, body) for webhook in WEBHOOKS):
        return "", 401
    event = plain.parse_event(body)
    if event.type in plain.STATES:
        plain.handle_once(request.headers["webhook-id"], event)
    return "", 204


def is_genuine(webhook: Webhook, body: bytes) -> bool:
    try:
        webhook.verify(body, dict(request.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: malformed headers
        return False
    return True


@app.errorhandler(plain.Rejected)
def reject(rejected: plain.Rejected) -> ResponseReturnValue:
    return "", rejected.status


@app.get("/probe")
def probe() -> ResponseReturnValue:
    return plain.probe(request.args.to_dict(flat=False))


if __name__ == "__main__":
    plain.create_tables()
    app.run(plain.HOST, plain.PORT)
