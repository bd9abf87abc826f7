"""A pure function that is asked the same again and again: what it answered last is not computed anew."""

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Remembered(Generic[P, T]):
    """Answers as the function does. Equal arguments, equal answer: what was given must not be changed afterwards.

    Several threads may ask at once: each finds a whole memory, and leaves a whole one.
    """

    def __init__(self, function: Callable[P, T], *, most: int = 4) -> None:
        """`most`: so many different questions are kept, the last first."""
        self._function = function
        self._most = most
        self._known: tuple[tuple[object, T], ...] = ()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises what the function raises, and keeps nothing then."""
        asked, known = (args, kwargs), self._known
        for before, answer in known:
            if before == asked:
                return answer
        found = self._function(*args, **kwargs)
        self._known = ((asked, found), *known)[: self._most]
        return found
