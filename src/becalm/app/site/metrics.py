"""Figures of the running site for whoever watches over it: counts and times by page, never a name."""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from becalm.app.site.context import NotThereError, site_of
from becalm.app.store import tasks

BOUNDS_S: Final = (0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
router = APIRouter(include_in_schema=False)


@dataclass
class Metrics:
    """What was asked for since the site was started."""

    counts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    buckets: Counter[float] = field(default_factory=Counter)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, page: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self.counts[method, page, status] += 1
            self.seconds += seconds
            for bound in BOUNDS_S:
                self.buckets[bound] += seconds <= bound

    def lines(self) -> Iterator[str]:
        """In the text format of Prometheus."""
        yield "# TYPE becalm_requests_total counter"
        for (method, page, status), count in sorted(self.counts.items()):
            labels = f'method="{method}",page="{page}",status="{status}"'
            yield f"becalm_requests_total{{{labels}}} {count}"
        yield "# TYPE becalm_request_seconds histogram"
        for bound in BOUNDS_S:
            yield f'becalm_request_seconds_bucket{{le="{bound:g}"}} {self.buckets[bound]}'
        yield f'becalm_request_seconds_bucket{{le="+Inf"}} {self.counts.total()}'
        yield f"becalm_request_seconds_sum {self.seconds:.3f}"
        yield f"becalm_request_seconds_count {self.counts.total()}"


@router.get("/metrics")
def show_metrics(request: Request) -> Response:
    """The figures, for programs on this machine alone."""
    host = request.client.host if request.client else ""
    if not _is_this_machine(host):
        raise NotThereError
    lines = list(request.app.state.metrics.lines())
    lines.append("# TYPE becalm_tasks gauge")
    for state, count in tasks.count_by_state(site_of(request).store).items():
        lines.append(f'becalm_tasks{{state="{state}"}} {count}')
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
