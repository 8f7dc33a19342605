"""The task of the Celery baseline. It runs in ``.venv-bench``, with Celery and requests."""

import os
import time

import requests
from celery import Celery

from shop.webhooks.rules.signing import LiveSecret, SignedContent, signing_headers

TIMEOUT_SECONDS = 60

app = Celery("benchmarks.celery_tasks", broker=os.environ["BENCH_REDIS_URL"])
app.conf.task_ignore_result = True
app.conf.worker_hijack_root_logger = False

_session = requests.Session()  # one per process: keeps connections open, the best case
_session.trust_env = False


def _post(url: str, message_id: str, body: str, secret: str) -> None:
    """Sign and post one webhook."""
    content = SignedContent(message_id, int(time.time()), body.encode())
    headers = signing_headers(
        content,
        [LiveSecret("sec_bench", secret)],
        issuer="http://shop.example",
        audience=url,
    )
    headers["Content-Type"] = "application/json"
    answer = _session.post(url, headers=headers, data=content.body, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()


post = app.task(_post, name="post")
