# A worker with Datadog's tracer, told by the environment alone where its Agent is. Goes on with the trace that TRACEPARENT names.
import os

from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import tracer

context = HTTPPropagator.extract({"traceparent": os.environ["TRACEPARENT"]})
tracer.context_provider.activate(context)
with tracer.trace("worker.job", service="tts-worker", resource="tts", span_type="worker") as job:
    job.set_tag("job.stage", "tts")
    try:
        with tracer.trace("model.infer", service="tts-worker", resource="xtts-v2"):
            raise ValueError("no voice")
    except ValueError:
        pass
tracer.shutdown()
