"""A long list, read from the store page by page, so that the record of years fits into a small memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from community.store.database import Connection, Store

T = TypeVar("T")
K = TypeVar("K")

_AT_ONCE = 200


async def paged(
    store: Store, page_of: Callable[[Connection, K | None, int], Sequence[T]], place_of: Callable[[T], K]
) -> AsyncIterator[T]:
    """All of the list. `page_of`: at most so many that come after a place (None: from the beginning)."""
    after: K | None = None
    while True:

        def page(connection: Connection, place: K | None = after) -> Sequence[T]:
            return page_of(connection, place, _AT_ONCE)

        found = await store.read(page)
        for one in found:
            yield one
        if len(found) < _AT_ONCE:
            return
        after = place_of(found[-1])
