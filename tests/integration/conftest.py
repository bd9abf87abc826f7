"""Pages without Chromium: in this folder `browser` is somebody who asks the console over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest

_WAIT_S = 60
"""A computer that is busy with other tests is no failure."""


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, timeout=_WAIT_S) as client:
        yield client
