"""Logs COUNT lines to standard output: producer.py LIBRARY COUNT."""

import logging
import sys

library, count = sys.argv[1], int(sys.argv[2])


def trace_id(index):
    return f"4bf92f3577b34da6a3ce929d{index:08d}"


if library == "logging":
    # The format of OpenTelemetry's instrumentation for logging.
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s [%(name)s] [%(filename)s:%(lineno)d] "
        "[trace_id=%(otelTraceID)s span_id=%(otelSpanID)s resource.service.name=%(otelServiceName)s "
        "trace_sampled=%(otelTraceSampled)s] - %(message)s",
    )
    logger = logging.getLogger("worker")
    for i in range(count):
        fields = {"otelTraceID": trace_id(i), "otelSpanID": "00f067aa0ba902b7", "otelServiceName": "tts", "otelTraceSampled": True}
        logger.warning("line %d correlationId=corr-%d", i, i, extra=fields)
else:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    )
    logger = structlog.get_logger()
    for i in range(count):
        logger.warning(
            f"line {i}",
            correlationId=f"corr-{i}",
            stage="tts",
            duration=i + 0.5,
            trace_id=trace_id(i),
            span_id="00f067aa0ba902b7",
        )
