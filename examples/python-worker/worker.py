"""A worker that turns text into speech, or would. It says nothing about where its telemetry goes: the environment does."""

import logging
import os
import random
import signal
import time

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Service, pod and attributes come from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
records = LoggerProvider()
records.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logging.basicConfig(level=logging.INFO, handlers=[LoggingHandler(logger_provider=records)])
tracer = spans.get_tracer("worker")
logger = logging.getLogger("worker")


def speak(job: int) -> None:
    with tracer.start_as_current_span("synthesize", attributes={"job.stage": "tts", "gen_ai.request.model": "xtts-v2"}) as span:
        time.sleep(random.uniform(0.01, 0.05))
        if job % 10 == 9:
            raise RuntimeError(f"CUDA out of memory in job {job}")
        logger.info("job %d is spoken", job, extra={"job.id": job})
        span.set_attribute("job.id", job)


def stop(*_: object) -> None:
    raise SystemExit


signal.signal(signal.SIGTERM, stop)
jobs = int(os.environ.get("JOBS", "0"))
done = 0
try:
    while jobs == 0 or done < jobs:
        try:
            speak(done)
        except RuntimeError:
            logger.exception("a job failed")
        done += 1
finally:
    # What is not sent yet goes to the sidecar, which ends after this process.
    spans.shutdown()
    records.shutdown()
