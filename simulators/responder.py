"""A scripted responder: gets the SMS, opens its link as a telephone would, goes, and reports what was found."""

import asyncio
from urllib.parse import urlsplit

import httpx

from simulators.browser import Page
from simulators.phones import Phones, Sms

_TIMEOUT_S = 10.0
_RETRY_S = 0.2
_FOUND = {"disposition": "helped", "text": "已到场,老人平安。On the spot: the resident is well."}


class Responder:
    """Whoever is asked first goes, once. `steps`: what he has done, as the page took it."""

    def __init__(self, phones: Phones, *, delay_s: float) -> None:
        """`delay_s`: between two steps."""
        self._phones = phones
        self._delay_s = delay_s
        self.steps: list[str] = []

    async def go(self) -> None:
        """Wait for a call, then accept, arrive and report."""
        asked = await self._asked()
        assert asked.link is not None
        parts = urlsplit(asked.link)
        base = f"{parts.scheme}://{parts.netloc}"
        async with httpx.AsyncClient(
            base_url=base, headers={"Origin": base}, trust_env=False, timeout=_TIMEOUT_S, follow_redirects=True
        ) as phone:
            await phone.post(parts.path)
            for command, more in (("accept", {"command": "accept", "eta_min": "5"}), ("arrive", {"command": "arrive"})):
                await self._press(phone, parts.path, f"{parts.path}/order", command, more)
            await self._press(phone, parts.path, f"{parts.path}/report", "report", _FOUND)

    async def _asked(self) -> Sms:
        seen = 0
        while True:
            self._phones.news.clear()
            for sms in self._phones.taken[seen:]:
                seen += 1
                if sms.link is not None:
                    return sms
            await self._phones.news.wait()

    async def _press(self, phone: httpx.AsyncClient, path: str, action: str, step: str, words: dict[str, str]) -> None:
        """Send a form once it stands on the page; a server that is away is tried again."""
        while True:
            await asyncio.sleep(self._delay_s)
            try:
                fields = Page((await phone.get(path)).text).forms.get(action)
                if fields is not None and (await phone.post(action, data={**fields, **words})).is_success:
                    self.steps.append(step)
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_RETRY_S)
