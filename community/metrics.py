"""The centre in the words of Prometheus: read from the store when it asks, nothing is kept in between."""

import hmac
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from community.settings import CommunitySettings, secret
from community.store.database import Store
from community.store.gauges import Gauges, gauges
from community.store.write_times import BOUNDS_S
from shouwang.alert import Severity
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

MIN_TOKEN = 16
"""As for a token of answers (community.channel_settings): 64 bits in hex, tried by nobody."""

NOTICE_STATES = ("waiting", "done", "failed", "missed", "stale", "dropped")
"""As in the table of notices; one without any notice is told as 0, so that an alarm rule on it can fire."""


class Metrics:
    """What /metrics answers to whoever knows the token."""

    def __init__(self, store: Store, *, token: str, clock: Callable[[], datetime]) -> None:
        """`token`: what a reader must show. Raises ConfigError for one that anybody guesses: /metrics is never open."""
        if len(token.strip()) < MIN_TOKEN:
            raise ConfigError(
                Bilingual(
                    f"the token of metrics has fewer than {MIN_TOKEN} signs; make one: openssl rand -hex 24",
                    zh=f"metrics 的令牌少于 {MIN_TOKEN} 个字符；请做一个：openssl rand -hex 24",
                )
            )
        self._store = store
        self._token = token
        self._clock = clock

    def knows(self, authorization: str) -> bool:
        """Whether the header carries the token."""
        kind, _, word = authorization.partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(word.strip().encode(), self._token.encode())

    async def text(self) -> bytes:
        """All of them now, as Prometheus reads them. Raises TryLater."""
        now = self._clock()
        found = await self._store.read(lambda connection: gauges(connection, now))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(found, self._store))
        return generate_latest(registry)


class _Told(Collector):
    def __init__(self, found: Gauges, store: Store) -> None:
        self._found = found
        self._store = store

    def collect(self) -> Iterable[Metric]:
        found = self._found
        for name, words, number in (
            ("messages", "Messages of homes taken in since the database began", found.messages),
            ("audit_entries", "Entries of the audit log", found.entries),
            ("dead_letter_arrivals", "Arrivals of messages that could not be read", found.dead_letter_times),
        ):
            yield CounterMetricFamily(f"shouwang_{name}", words, value=number)
        queue = GaugeMetricFamily("shouwang_open_cases", "Open cases, without test calls", labels=["priority"])
        for priority in Severity:
            queue.add_metric([priority.value], found.queue.get(priority.value, 0))
        yield queue
        notices = GaugeMetricFamily("shouwang_notices", "Notices by what became of them", labels=["state"])
        for state in sorted({*NOTICE_STATES, *found.notices}):
            notices.add_metric([state], found.notices.get(state, 0))
        yield notices
        boxes = GaugeMetricFamily("shouwang_gateways", "Gateways by whether they are heard", labels=["state"])
        boxes.add_metric(["online"], found.gateways_online)
        boxes.add_metric(["silent"], found.gateways_silent)
        yield boxes
        for name, words, value in (
            ("dead_letters", "Different messages that could not be read", found.dead_letters),
            ("oldest_life_case_seconds", "Age of the oldest open P1 case; 0: none is open", found.oldest_life_s),
            ("due_lag_seconds", "How long the most overdue clock of a case waits; 0: none does", found.due_lag_s),
        ):
            yield GaugeMetricFamily(f"shouwang_{name}", words, value=value)
        yield self._writes()

    def _writes(self) -> Metric:
        counts, sum_s = self._store.write_times.so_far()
        bounds = (*map(str, BOUNDS_S), "+Inf")
        return HistogramMetricFamily(
            "shouwang_store_write_seconds",
            "Transactions that write, since the server started",
            buckets=list(zip(bounds, map(float, counts), strict=True)),
            sum_value=sum_s,
        )


def metrics_of(settings: CommunitySettings, store: Store, *, clock: Callable[[], datetime]) -> Metrics | None:
    """As community.yaml says; None where it names no token. Raises ConfigError for a token that cannot be read."""
    token = secret(settings.metrics.token_file) if settings.metrics is not None else None
    return None if token is None else Metrics(store, token=token, clock=clock)
