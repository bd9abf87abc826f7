"""The mobile network and the SMS provider behind a simulated modem: what it sent goes to the centre's inlet over HTTP.

As providers do it: parts are joined, each message is brought as a form with a token, and is brought again while the
inlet is away or says that it is busy (5xx, 429); any other answer is the last word.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Never

import httpx

from simulators.serial.modem import Network
from simulators.serial.pdu import Submitted

log = logging.getLogger(__name__)

RETRY_S = 0.5
_LOOK_S = 0.05
_ANSWER_S = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """A message at the inlet, and its last answer."""

    text: str
    status: int


class Smsc:
    """Carries from one modem's network to one inlet."""

    def __init__(self, network: Network, *, number: str, url: str, token: str, sender: str) -> None:
        """`number` is the centre's; messages to anybody else are not its own. `url` is the inlet's."""
        self._network = network
        self._number = number
        self._url = url
        self._token = token
        self._sender = sender
        self._taken = 0
        self._parts: dict[tuple[int, int], dict[int, str]] = {}
        self.brought: list[Brought] = []
        self.tries = 0

    async def run(self) -> Never:
        """Carry until cancelled."""
        async with httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False) as web:
            while True:
                for _, submitted in self._network.sent[self._taken :]:
                    self._taken += 1
                    text = self._whole(submitted)
                    if text is not None:
                        await self.bring(web, text)
                await asyncio.sleep(_LOOK_S)

    async def bring(self, web: httpx.AsyncClient, text: str) -> None:
        """Bring one message, until the inlet has said its last word."""
        headers = {"authorization": f"Bearer {self._token}"}
        while True:
            self.tries += 1
            try:
                answer = await web.post(self._url, data={"from": self._sender, "text": text}, headers=headers)
            except httpx.HTTPError as error:
                log.info("the inlet is away: %r", error)
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    self.brought.append(Brought(text=text, status=answer.status_code))
                    return
            await asyncio.sleep(RETRY_S)

    def _whole(self, submitted: Submitted) -> str | None:
        """The text to the centre once all its parts are here."""
        if submitted.to != self._number:
            return None
        if submitted.part is None:
            return submitted.text
        ref, total, place = submitted.part
        parts = self._parts.setdefault((ref, total), {})
        parts[place] = submitted.text
        if len(parts) < total:
            return None
        return "".join(text for _, text in sorted(self._parts.pop((ref, total)).items()))
