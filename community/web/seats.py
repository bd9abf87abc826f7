"""Seats at a stream: few for each who watches, so that nobody fills the house alone."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager


class Seats:
    """Whoever takes one too many gives up his own oldest: the screen that lives is never the one that is refused."""

    def __init__(self, *, each: int, in_all: int) -> None:
        """`each`: for one who watches; `in_all`: for everybody."""
        self._each, self._in_all = each, in_all
        self._taken: dict[str, OrderedDict[int, asyncio.Event]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many are taken."""
        return sum(map(len, self._taken.values()))

    def __iter__(self) -> Iterator[asyncio.Event]:
        """Those that are taken."""
        return (seat for his in self._taken.values() for seat in his.values())

    def has_room(self, who: str) -> bool:
        """Whether there is a free one, or one of his own to give up."""
        return len(self) < self._in_all or len(self._taken.get(who, ())) >= self._each

    @contextmanager
    def taken(self, who: str) -> Iterator[asyncio.Event]:
        """A seat for as long as this lasts; the event is set when his newer one needs it."""
        self._count += 1
        number, is_needed = self._count, asyncio.Event()
        his = self._taken.setdefault(who, OrderedDict())
        his[number] = is_needed
        if len(his) > self._each:
            _, oldest = his.popitem(last=False)
            oldest.set()
        try:
            yield is_needed
        finally:
            his.pop(number, None)
            if not his and self._taken.get(who) is his:
                del self._taken[who]
