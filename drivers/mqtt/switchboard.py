"""Who gets which message of the local broker: subscriptions by topic, watchers, what is muted. Touches no network."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from drivers.mqtt.filters import is_pattern, matches
from drivers.mqtt.receipts import Claim, Receipt

MAX_KEPT_BYTES = 16 * 1024
"""What a device says has a few hundred bytes. Of a longer message one byte more than this is kept, for the refusal."""
HELD_CAPACITY = 10_000
"""Messages that are kept back while sensors are exchanged, which takes a moment; above that they are handed out."""
MAX_ROUTES = 4096
"""Topics of which is remembered who listens; 200 sensors have some ten each. Above that it is looked up anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One message. `retained`: it was said before we listened, nobody knows when.

    `claim`: the broker keeps it until this is done; None where it does not (QoS 0).
    """

    topic: str
    payload: bytes
    retained: bool
    claim: Claim | None = None

    @property
    def already(self) -> int:
        """How many of its readings were taken in before the process was killed: those come first, and count no more."""
        return 0 if self.claim is None else self.claim.already

    @property
    def is_kept(self) -> bool:
        """Whether the broker keeps it."""
        return self.claim is not None and not self.claim.is_done

    def let_go(self) -> None:
        """The broker need keep it no longer for whom it was for."""
        if self.claim is not None:
            self.claim.done()


Watcher = Callable[[Arrival], None]


class Taker(Protocol):
    """A subscription. `named`: those of its topics that stand in the home's configuration."""

    topics: tuple[str, ...]
    named: tuple[str, ...]

    def arrive(self, arrival: Arrival) -> None:
        """A message for it."""
        ...


class _Route(NamedTuple):
    """Who gets what comes on one topic."""

    is_muted: bool
    watchers: tuple[Watcher, ...]
    takers: tuple[Taker, ...]


class Switchboard:
    """The takers of one connection; they outlive it."""

    def __init__(self) -> None:
        """Nobody listens."""
        self._takers: dict[str, list[Taker]] = {}
        self._patterns: list[str] = []
        self._watchers: list[tuple[tuple[str, ...], Watcher]] = []
        self._muted: tuple[str, ...] = ()
        self._routes: dict[str, _Route] = {}
        self._anew: set[str] = set()
        self._held: deque[tuple[Arrival, Receipt | None]] | None = None
        self._left: list[Arrival] = []
        self._born: list[Taker] = []

    # ---- who listens ----

    def join(self, taker: Taker, topics: Sequence[str]) -> None:
        """Hand messages on these topics to it too."""
        self._routes.clear()
        for topic in topics:
            if topic not in self._takers and is_pattern(topic):
                self._patterns.append(topic)
            takers = self._takers.setdefault(topic, [])
            if taker not in takers:
                takers.append(taker)
                taker.topics += (topic,)
                self._anew.add(topic)
        if self._held is not None:
            self._born.append(taker)

    def leave(self, taker: Taker, unread: Iterable[Arrival]) -> None:
        """Nobody listens to it any more; `unread`: what it had not given out."""
        self._routes.clear()
        if self._held is not None:
            self._left += unread
        else:
            for arrival in unread:
                arrival.let_go()
        for topic in taker.topics:
            left = [one for one in self._takers.get(topic, ()) if one is not taker]
            if left:
                self._takers[topic] = left
            elif self._takers.pop(topic, None) is not None and topic in self._patterns:
                self._patterns.remove(topic)

    def watch(self, filters: Sequence[str], watcher: Watcher) -> None:
        """Show `watcher` each message on these topics before any subscription gets it."""
        self._routes.clear()
        self._watchers.append((tuple(filters), watcher))
        self._anew.update(filters)

    def unwatch(self, watcher: Watcher) -> None:
        """Show it nothing any more."""
        self._routes.clear()
        self._watchers = [(filters, one) for filters, one in self._watchers if one != watcher]

    def mute(self, filters: Sequence[str]) -> None:
        """Never hand out messages on these topics."""
        self._routes.clear()
        self._muted = tuple(filters)

    # ---- what the broker is asked for ----

    def topics(self) -> set[str]:
        """All that somebody listens to, wildcards included."""
        return {*self._takers, *self._watched()}

    def listened(self) -> set[str]:
        """The same without what is only watched."""
        return {*self._takers}

    def named(self) -> set[str]:
        """The topics that the home's configuration names."""
        return {one for takers in self._takers.values() for taker in takers for one in taker.named} | self._watched()

    def take_anew(self) -> set[str]:
        """The topics for which somebody came since this was asked: the broker must repeat what it retains for them."""
        anew, self._anew = self._anew, set()
        return anew

    def takers_of(self, topic: str) -> Sequence[Taker]:
        """Who asked for this very topic or wildcard."""
        return tuple(self._takers.get(topic, ()))

    # ---- messages ----

    def route(self, arrival: Arrival, receipt: Receipt | None = None) -> None:
        """Hand out a message; `receipt` is given once all have it."""
        if self._route(arrival.topic).is_muted:
            _share(arrival, receipt, ())
        elif self._held is None:
            self._hand_out(arrival, receipt)
        else:
            self._held.append((arrival, receipt))
            if len(self._held) > HELD_CAPACITY:
                self._release()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hand out nothing in the block and all of it after its end, in order: takers may be exchanged in it.

        What a taker that leaves in the block had not given out goes to those that join in the block.
        """
        self._held = deque()
        try:
            yield
        finally:
            left, self._left = self._left, []
            born, self._born = self._born, []
            for arrival in left:
                self._inherit(arrival, born)
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        for arrival, receipt in held or ():
            self._hand_out(arrival, receipt)

    def _inherit(self, arrival: Arrival, born: Sequence[Taker]) -> None:
        heirs = [taker for taker in self._route(arrival.topic).takers if taker in born]
        if not heirs:
            arrival.let_go()
        for taker in heirs:
            taker.arrive(arrival)
            arrival = replace(arrival, claim=None)  # the first has the claim

    def _hand_out(self, arrival: Arrival, receipt: Receipt | None) -> None:
        for watcher in self._route(arrival.topic).watchers:  # one of them may make a taker for this very message
            watcher(arrival)
        if len(arrival.payload) > MAX_KEPT_BYTES:
            arrival = replace(arrival, payload=arrival.payload[: MAX_KEPT_BYTES + 1])
        _share(arrival, receipt, self._route(arrival.topic).takers)

    def _route(self, topic: str) -> _Route:
        found = self._routes.get(topic)
        if found is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            found = self._routes[topic] = self._found(topic)
        return found

    def _found(self, topic: str) -> _Route:
        listened = (topic, *(one for one in self._patterns if matches(one, topic)))
        takers = dict.fromkeys(taker for one in listened for taker in self._takers.get(one, ()))
        watchers = (watcher for filters, watcher in self._watchers if any(matches(one, topic) for one in filters))
        return _Route(
            is_muted=any(matches(one, topic) for one in self._muted),
            watchers=tuple(watchers),
            takers=tuple(takers),
        )

    def _watched(self) -> set[str]:
        return {one for filters, _ in self._watchers for one in filters}


def _share(arrival: Arrival, receipt: Receipt | None, takers: Sequence[Taker]) -> None:
    if receipt is None:
        for taker in takers:
            taker.arrive(arrival)
        return
    for taker, claim in zip(takers, receipt.claims(len(takers)), strict=True):
        if claim is not None:
            taker.arrive(replace(arrival, claim=claim))
