"""One try of work that is tried for ever, so that being told to stop is never lost with it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def attempt(work: Coroutine[object, object, _T], name: str) -> _T:
    """Run it to its end in a task of its own; returns or raises what it does.

    A task group whose child fails in the very moment in which the group is cancelled raises the failure and drops the
    cancellation (until Python 3.13): a loop around it that takes failures for granted would never end. Here the
    cancellation arrives in any case, after the work has ended.
    """
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        with suppress(BaseException):  # what it raised at its end is nobody's any more
            task.result()
        raise
    return task.result()
