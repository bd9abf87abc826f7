"""Scripted operators at the console, over HTTP as browsers would be: one works on cases, another verifies them.

It reads the pages that people see and sends the forms that stand on them; it knows nothing of the server's inside.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import httpx

from shouwang.errors import DeviceError

_TIMEOUT_S = 10.0
_RETRY_S = 0.2


_RESULT = {"disposition": "helped", "note": "已通话,老人平安。Spoke to the resident: all is well.", "spoke": "true"}


class Operator:
    """Hears the bell, takes the case, settles it; the colleague verifies it and calls back, as the six steps ask."""

    def __init__(
        self, client: httpx.AsyncClient, colleague: httpx.AsyncClient, *, delay_s: float, patience_s: float
    ) -> None:
        """`delay_s` to decide; a case is settled when it is over at home, or after `patience_s` (a latched alarm)."""
        self._client = client
        self._colleague = colleague
        self._delay_s = delay_s
        self._patience_s = patience_s
        self._work: dict[int, asyncio.Task[None]] = {}
        self.on_bell: Callable[[dict[str, Any]], None] | None = None
        self.acknowledged: list[int] = []
        self.closed: list[int] = []

    async def watch(self, group: asyncio.TaskGroup) -> None:
        """Listen to the alarm bus for ever and take every case that rings; a lost connection is made again."""
        seen = 0
        while True:
            try:
                async for bell in self._bells(seen):
                    seen = max(seen, int(bell["seq"]))
                    if self.on_bell is not None:
                        self.on_bell(bell)
                    number = int(bell["incident"])
                    if number not in self._work:
                        self._work[number] = group.create_task(self._handle(number), name=f"operator case {number}")
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_RETRY_S)

    def stop(self) -> None:
        """Put down what is in hand."""
        for work in self._work.values():
            work.cancel()

    async def _bells(self, after: int) -> AsyncIterator[dict[str, Any]]:
        timeout = httpx.Timeout(_TIMEOUT_S, read=_TIMEOUT_S)
        async with self._client.stream("GET", "/events", params={"after": after}, timeout=timeout) as response:
            response.raise_for_status()
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: ") and name == "bell":
                    yield json.loads(line.removeprefix("data: "))

    async def _handle(self, number: int) -> None:
        await asyncio.sleep(self._delay_s)
        if await self._send(self._client, number, {"ack": {}}):
            self.acknowledged.append(number)
        waited = 0.0
        while waited < self._patience_s and not (await self._page(number)).is_over_at_home:
            await asyncio.sleep(self._delay_s)
            waited += self._delay_s
        result = {field: _RESULT[field] for field in ("disposition", "note")}
        if not await self._send(self._client, number, {"resolve_remote": _RESULT, "report": result}):
            return
        await asyncio.sleep(self._delay_s)
        if await self._send(self._colleague, number, {"verify_ok": {}}):
            await self._send(self._colleague, number, {"revisit_ok": {"score": "5"}})
            self.closed.append(number)

    async def _send(self, client: httpx.AsyncClient, number: int, orders: dict[str, dict[str, str]]) -> bool:
        """The first of these orders that stands on the page, with its words."""
        for _ in range(5):  # another alarm may have come while we read: look again
            page = await self._page(number, client)
            for order, words in orders.items():
                fields = page.forms.get(f"/incidents/{number}/{order}")
                if fields is not None:
                    break
            else:
                return False
            address = f"/incidents/{number}/{order}"
            response = await self._retrying("POST", address, client, data={**fields, **words})
            if response.status_code != httpx.codes.CONFLICT:
                return response.is_redirect or response.is_success
        return False

    async def _page(self, number: int, client: httpx.AsyncClient | None = None) -> "_Page":
        response = await self._retrying("GET", f"/incidents/{number}", client or self._client)
        page = _Page()
        page.feed(response.text)
        return page

    async def _retrying(
        self,
        method: str,
        url: str,
        client: httpx.AsyncClient,
        **more: Any,  # noqa: ANN401 - httpx's own
    ) -> httpx.Response:
        while True:
            try:
                response = await client.request(method, url, **more)
                if not response.is_server_error:
                    return response
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_RETRY_S)


@asynccontextmanager
async def signed_in(link: str, colleagues_link: str, *, delay_s: float, patience_s: float) -> AsyncIterator[Operator]:
    """Two people who used a one-time link each. Raises DeviceError where a link is not taken."""
    async with _client(link) as client, _client(colleagues_link) as colleague:
        yield Operator(client, colleague, delay_s=delay_s, patience_s=patience_s)


@asynccontextmanager
async def _client(link: str) -> AsyncIterator[httpx.AsyncClient]:
    base, _, path = link.partition("/login/")
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=_TIMEOUT_S) as client:
        client.headers["Origin"] = base
        response = await client.post(f"/login/{path}")
        if not response.is_redirect:
            raise DeviceError(f"the console does not take the login link: {response.status_code}")
        yield client


class _Page(HTMLParser):
    """The forms of an incident page (hidden fields by where they are sent), and whether it says "ended at home"."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.is_over_at_home = False
        self._form: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.is_over_at_home = self.is_over_at_home or {"tag", "ended"} <= set(found.get("class", "").split())
        if tag == "form":
            self._form = self.forms.setdefault(found.get("action", ""), {})
        elif tag == "input" and self._form is not None and found.get("type") == "hidden":
            self._form[found.get("name", "")] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
