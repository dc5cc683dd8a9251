"""Logs as JSON lines, traces that join by the object, metrics: the one door to OpenTelemetry."""

import datetime as dt
import json
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import generate_latest

from shale.contracts.about import About
from shale.contracts.envelope import trace_of

_STANDARD = set(vars(logging.makeLogRecord({})))

SHOWN = 512
"""Characters of a stranger's words that are logged."""

LAST_TRACES = 3.0
"""Seconds that the end of a process waits for who takes its traces."""

_log = logging.getLogger("shale.bus")
_tracer = trace.get_tracer("shale")
_meter = metrics.get_meter("shale")
_settled = _meter.create_counter("shale.settled", unit="1", description="triggers settled, by service and answer")
_skipped = _meter.create_counter("shale.skipped", unit="1", description="messages that nobody here understands, by why")
_used = _meter.create_gauge("shale.stream.used", unit="By", description="bytes that a stream or bucket holds")
_allowed = _meter.create_gauge("shale.stream.allowed", unit="By", description="bytes that it may hold; then it refuses")
_layers = _meter.create_counter("shale.layers", unit="1", description="layers that are there, by how that came")
_odd = _meter.create_gauge("shale.unreadable", unit="1", description="objects that cannot be read, by kind")
_seconds = _meter.create_histogram("shale.settle.duration", unit="s", description="how long one trigger took to settle")


class JsonLines(logging.Formatter):
    """One JSON object per record; what was given as `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD and key != "taskName"}
        line = {"at": at, "level": record.levelname, "log": record.name, "what": record.getMessage(), **fields}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def start(service: str, level: str) -> None:
    """Set up logs to standard error, metrics for `/metrics`.

    And traces to OTLP when OTEL_EXPORTER_OTLP_ENDPOINT says where.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _ended
    resource = Resource.create({"service.name": service, "service.namespace": "shale"})
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()]))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (40 ms for who exports)

        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)


def stop() -> None:
    """Send the traces that are not sent yet, for LAST_TRACES at most: nobody may be there to take them."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        sender = threading.Thread(target=provider.shutdown, daemon=True)
        sender.start()
        sender.join(LAST_TRACES)


def _ended(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Log what ends the process as one line, as all else."""
    logging.getLogger("shale.process").critical("ended by an error", exc_info=(kind, error, at))


def skipped(why: str, subject: str, error: object = "") -> None:
    """Count and log a message that is passed over: what others say stops nobody, but it is seen.

    `why` is one of few words: "unknown type", "undecodable", "of another shape".
    """
    _skipped.add(1, {"why": why})
    _log.warning(why, extra={"subject": subject[:SHOWN], "error": str(error)[:SHOWN]})


def stocked(stream: str, used: int, allowed: int) -> None:
    """Note how many bytes a stream holds, and how many it may."""
    _used.set(used, {"stream": stream})
    _allowed.set(allowed, {"stream": stream})


def unreadable(kind: str, count: int) -> None:
    """Note how many objects of a kind cannot be read."""
    _odd.set(count, {"kind": kind})


def packed_by(how: str) -> None:
    """Count a layer: known by the "index", then by "mount" from elsewhere; or read, and there ("HEAD") or "sent"."""
    _layers.add(1, {"known": how})


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest()


@contextmanager
def settling(service: str, about: About) -> Generator[Callable[[str], None]]:
    """Span and count the settling of one trigger; call what is yielded with the outcome.

    The trace is the object's generation's, so that every service joins it without having been told of it.
    """
    parent = trace.SpanContext(
        trace_id=int(trace_of(about.uid, about.generation), 16),
        span_id=secrets.randbits(64) or 1,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    attributes = {
        "messaging.system": "nats",
        "shale.object": f"{about.namespace}/{about.name}",
        "shale.generation": about.generation,
    }
    outcomes = ["Failed"]
    begun = time.perf_counter()
    with _tracer.start_as_current_span(f"settle {service}", context=context, attributes=attributes) as span:
        try:
            yield outcomes.append
        finally:
            span.set_attribute("shale.answer", outcomes[-1])
            labels = {"service": service, "kind": about.kind, "answer": outcomes[-1]}
            _settled.add(1, labels)
            _seconds.record(time.perf_counter() - begun, labels)
