"""How a loop waits: until somebody says that there is news, and no longer than it may look late without being told."""

import asyncio


async def news_or_later(news: asyncio.Event, seconds: float) -> None:
    """Return once `news` is set, at the latest after so long."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
