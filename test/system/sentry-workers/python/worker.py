"""A worker that fails in a span, with the unmodified OpenTelemetry SDK; all settings come from the environment.

Says `raised` when it has failed, and lets go of its telemetry when its input ends.
"""

import logging
import sys

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
loggers = LoggerProvider()
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logger = logging.getLogger("worker")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=loggers))
tracer = provider.get_tracer("worker")

ATTRIBUTES = {
    "user.id": "user-42",
    "user.email": "someone@example.com",
    "gen_ai.request.model": "xtts-v2",
    "job.stage": "tts",
    "http.response.status_code": 500,
}


def load(model):
    raise ConnectionError(f"no weights of {model}")


def synthesise(model):
    try:
        load(model)
    except ConnectionError as error:
        raise RuntimeError(f"{model} failed") from error


def work():
    with tracer.start_as_current_span("dub", attributes=ATTRIBUTES):
        logger.info("loading the model")
        logger.warning("retrying for someone@example.com")
        try:
            synthesise("xtts-v2")
        except RuntimeError:
            logger.exception("dubbing failed")
            raise


try:
    work()
except RuntimeError:
    print("raised", flush=True)
sys.stdin.read()
provider.shutdown()
loggers.shutdown()
