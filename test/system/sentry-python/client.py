"""A worker that reports to Sentry with its SDK for Python, unmodified: told where by SENTRY_DSN alone."""

import logging
import os

import sentry_sdk
from sentry_sdk.crons import monitor

SECRET = os.environ["SECRET"]

sentry_sdk.init(release="worker@1.2.3", environment="staging", traces_sample_rate=1.0, enable_logs=True, send_default_pii=True)
sentry_sdk.set_user({"id": "user-42", "email": "someone@example.com"})
sentry_sdk.set_tag("stage", "tts")


def connect(password):
    raise ConnectionError(f"cannot log in with password={password}")


def synthesise(model):
    login = f"user=worker password={SECRET}"  # noqa: F841, a local variable that the SDK sends along
    try:
        connect(SECRET)
    except ConnectionError as error:
        raise RuntimeError(f"{model} failed") from error


for number in range(int(os.environ["TRACES"])):
    with sentry_sdk.isolation_scope():
        with sentry_sdk.start_transaction(op="queue.process", name=f"dub {number % 3}"):
            with sentry_sdk.start_span(op="gen_ai", name="synthesise"):
                pass

with sentry_sdk.start_transaction(op="queue.process", name="fails"):
    logging.getLogger("worker").warning("retrying with token=%s", SECRET)
    try:
        synthesise("xtts")
    except RuntimeError as error:
        sentry_sdk.capture_exception(error)


@monitor(monitor_slug="nightly")
def nightly():
    pass


nightly()
sentry_sdk.flush(timeout=20)
