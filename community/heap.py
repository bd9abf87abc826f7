"""The collector of reference cycles in a server that stands for months: what is there at start is not looked at again.

A full collection stops every thread. With all modules of the server it takes 170 ms (two cores of 2020, Python 3.11):
so long no bell rings and no page is answered, several times a minute in a storm. What is put aside at start leaves 30.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (5_000, 20, 20)
"""Youngest, middle, full (Python's own: 700, 10, 10). One case makes some hundred things, a page some thousand: rarer,
and few of them ever lie in a cycle. Set by this project by `benchmarks/console.py`."""


@contextmanager
def settled() -> Iterator[None]:
    """Around the time in which a started server serves; all is as before afterwards."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
