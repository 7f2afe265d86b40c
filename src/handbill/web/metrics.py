"""What Prometheus reads: requests of all processes of the service, and counts from the store."""

import hmac
import os
import threading
import time
from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from handbill.operations.gauges import Gauge, gauges
from handbill.web.nearby import from_this_machine
from handbill.web.service import Service

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment that names the folder in which several processes count together."""
FRESH_SECONDS = 5.0
"""Counts from the store are not asked again so soon, however many ask."""
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class RequestCounts:
    """Counts the requests of this process; a folder of `SHARED_FOLDER` brings those of all processes together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._count = Counter("handbill_http_requests", "Requests.", labels, registry=self.registry)
        self._seconds = Histogram(
            "handbill_http_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one request."""
        name = (method, route, status)
        if name not in self._known:  # looking them up by their labels takes longer than counting
            self._known[name] = self._count.labels(method, route, str(status)), self._seconds.labels(route)
        count, took = self._known[name]
        count.inc()
        took.observe(seconds)


class StoreCounts(Collector):
    """Counts from the store, asked at most every `FRESH_SECONDS`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._asked_at = -FRESH_SECONDS
        self._gauges: list[Gauge] = []

    def collect(self) -> Iterable[Metric]:
        """The counts in Prometheus' words."""
        with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                self._gauges = gauges(self._service.engine, self._service.clock())
                self._asked_at = time.monotonic()
            found = self._gauges
        yield from _families(found)


def metrics_routes(service: Service, counts: RequestCounts, token: str) -> list[BaseRoute]:
    """`GET /metrics`, for whoever shows the token; without a token, for programs on this machine."""
    registry = counts.registry
    if os.environ.get(SHARED_FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client types it so
    registry.register(StoreCounts(service))

    def metrics(request: Request) -> Response:
        if not _may_read(request, token):
            raise HTTPException(404)  # strangers need not know that there is something
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/metrics", metrics)]


def _may_read(request: Request, token: str) -> bool:
    if token:
        shown = request.headers.get("authorization", "").encode("latin-1")
        return hmac.compare_digest(shown, b"Bearer " + token.encode())
    return from_this_machine(request.scope)


def _families(found: list[Gauge]) -> Iterator[Metric]:
    for gauge in found:
        family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
        for labels, value in gauge.samples:
            family.add_metric(labels, value)
        yield family
