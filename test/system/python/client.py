"""Sends spans, logs and a counter through the unmodified OpenTelemetry SDK; the endpoint and the protocol come from the environment.

Usage: client.py SPANS ERROR_EVERY LOGS. Prints the ids of the error spans as JSON.
"""

import json
import logging
import os
import sys

from opentelemetry import context
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

# So often the queues are emptied, which have no way to make their producer wait.
FLUSH_EVERY = 5_000

spans, error_every, logs = (int(argument) for argument in sys.argv[1:])
resource = Resource.create({"service.name": "python-worker"})
provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=2 * FLUSH_EVERY))
tracer = provider.get_tracer("client")
meters = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())])
calls = meters.get_meter("client").create_counter("client.calls")
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), max_queue_size=2 * FLUSH_EVERY))
logger = logging.getLogger("client")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=loggers))

attributes = {"http.request.method": "GET", "http.route": "/projects/:id", "http.response.status_code": 200}
errors = []
for i in range(spans):
    span = tracer.start_span("GET /projects/:id", context=context.Context(), kind=SpanKind.SERVER, attributes=attributes)
    if i % error_every == 0:
        span.set_status(Status(StatusCode.ERROR, "model ran out of memory"))
        errors.append(f"{span.get_span_context().span_id:016x}")
    span.end()
    calls.add(1, {"stage": "tts"})
    if i % FLUSH_EVERY == FLUSH_EVERY - 1:
        provider.force_flush()
for i in range(logs):
    logger.info("line %d", i)
    if i % FLUSH_EVERY == FLUSH_EVERY - 1:
        loggers.force_flush()
for each in (provider, loggers, meters):
    each.shutdown()
print(json.dumps({"errors": errors}))
