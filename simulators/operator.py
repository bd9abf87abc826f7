"""Scripted operators at the console, over HTTP as browsers would be: one works on cases, another verifies them.

It reads the pages that people see and sends the forms that stand on them; it knows nothing of the server's inside.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from shouwang.errors import DeviceError
from simulators.browser import Page

_TIMEOUT_S = 10.0
_RETRY_S = 0.2


_RESULT = {"disposition": "helped", "note": "已通话,老人平安。Spoke to the resident: all is well.", "spoke": "true"}


class Operator:
    """Hears the bell, takes the case, settles it; the colleague verifies it and calls back, as the six steps ask."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        colleague: httpx.AsyncClient,
        *,
        delay_s: float,
        patience_s: float,
        sends_out: bool = False,
    ) -> None:
        """`delay_s` to decide; a case is settled when it is over at home, or after `patience_s` (a latched alarm).

        `sends_out`: to the first P1 somebody is sent; the other cases are settled by telephone.
        """
        self._client = client
        self._colleague = colleague
        self._delay_s = delay_s
        self._patience_s = patience_s
        self._sends_out = sends_out
        self._work: dict[int, asyncio.Task[None]] = {}
        self.on_bell: Callable[[dict[str, Any]], None] | None = None
        self.acknowledged: list[int] = []
        self.closed: list[int] = []
        self.sent_out: list[str] = []
        """What was done for the case to which somebody was sent, step by step."""

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
                        handling = self._handle(number, is_life=bell["priority"] == "P1")
                        self._work[number] = group.create_task(handling, name=f"operator case {number}")
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

    async def _handle(self, number: int, *, is_life: bool) -> None:
        await asyncio.sleep(self._delay_s)
        if await self._send(self._client, number, {"ack": {}}):
            self.acknowledged.append(number)
        if is_life and self._sends_out and not self.sent_out and await self._sent(number):
            await self._verify_when_reported(number)
            return
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

    async def _sent(self, number: int) -> bool:
        """Whether whom the page proposes first was asked to go."""
        address = f"/incidents/{number}/send/order"
        fields = (await self._page(number, of="/send")).forms.get(address, {})
        if "who" not in fields:
            return False
        response = await self._retrying("POST", address, self._client, data=fields)
        if response.is_redirect:
            self.sent_out.append("dispatch")
        return response.is_redirect

    async def _verify_when_reported(self, number: int) -> None:
        rest: dict[str, dict[str, dict[str, str]]] = {
            "verify": {"verify_ok": {}},
            "revisit": {"revisit_ok": {"score": "5"}},
        }
        for step, orders in rest.items():
            is_done = False
            while not is_done:
                await asyncio.sleep(self._delay_s)
                is_done = await self._send(self._colleague, number, orders)
            self.sent_out.append(step)
        self.closed.append(number)

    async def _send(self, client: httpx.AsyncClient, number: int, orders: dict[str, dict[str, str]]) -> bool:
        """The first of these orders that stands on the page, with its words."""
        for _ in range(5):  # another alarm may have come while we read: look again
            forms = (await self._page(number, client)).forms
            order = next((one for one in orders if f"/incidents/{number}/{one}" in forms), None)
            if order is None:
                return False
            address = f"/incidents/{number}/{order}"
            response = await self._retrying("POST", address, client, data={**forms[address], **orders[order]})
            if response.status_code != httpx.codes.CONFLICT:
                return response.is_redirect or response.is_success
        return False

    async def _page(self, number: int, client: httpx.AsyncClient | None = None, *, of: str = "") -> Page:
        response = await self._retrying("GET", f"/incidents/{number}{of}", client or self._client)
        return Page(response.text)

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
async def signed_in(
    link: str, colleagues_link: str, *, delay_s: float, patience_s: float, sends_out: bool = False
) -> AsyncIterator[Operator]:
    """Two people who used a one-time link each. Raises DeviceError where a link is not taken."""
    async with _client(link) as client, _client(colleagues_link) as colleague:
        yield Operator(client, colleague, delay_s=delay_s, patience_s=patience_s, sends_out=sends_out)


@asynccontextmanager
async def _client(link: str) -> AsyncIterator[httpx.AsyncClient]:
    base, _, path = link.partition("/login/")
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=_TIMEOUT_S) as client:
        client.headers["Origin"] = base
        response = await client.post(f"/login/{path}")
        if not response.is_redirect:
            raise DeviceError(f"the console does not take the login link: {response.status_code}")
        yield client
