"""Whether a prepaid SIM has credit: asked by USSD, since its answer is the only word that an operator gives of it."""

import asyncio
import logging
import re

from drivers.serial.at_actor import NOTHING, AtActor, NoAnswer
from drivers.serial.codec.at_lines import ussd
from drivers.serial.modem_part import BalancePart
from shouwang.bilingual import both

log = logging.getLogger(__name__)

ASK_S = 86_400.0
AGAIN_S = 3600.0
"""After no answer, one that is not understood, or too little credit. Operators block who asks too often."""
_USSD_S = 30.0
_PLAIN_TEXT = 15
_LOW = (
    "the SIM's credit is {amount:g}, less than {at_least:g}; top it up",
    "SIM 卡余额 {amount:g}，低于 {at_least:g}；请充值",
)


class Credit:
    """`trouble` says what is wrong with it, empty while nothing is known to be.

    Kept over restarts of the modem: one that forgot it would be up until it has asked again, and ask at each restart.
    """

    def __init__(self, part: BalancePart) -> None:
        """Not asked yet."""
        self.trouble: str = ""
        self._part = part
        self._ask_at = 0.0
        self._is_told = False

    async def ask(self, actor: AtActor) -> None:
        """Ask, where it is time to; the answer comes later, as a line of its own."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._ask_at:
            return
        self._ask_at = loop.time() + AGAIN_S
        try:
            await actor.ask(f'AT+CUSD=1,"{self._part.code}",{_PLAIN_TEXT}', NOTHING, timeout_s=_USSD_S)
        except NoAnswer:
            self._tell("the operator's balance service does not answer")

    def heard(self, line: str) -> None:
        """A +CUSD line. Raises DecodeError."""
        found = re.search(self._part.pattern, ussd(line).text)
        try:
            amount = None if found is None else float(found[1].replace(",", "."))
        except ValueError:
            amount = None
        if amount is None:
            self._tell("the answer of the operator's balance service is not understood; look at balance.pattern")
            return
        at_least = self._part.at_least
        self.trouble = both(*_LOW, amount=amount, at_least=at_least) if amount < at_least else ""
        self._ask_at = asyncio.get_running_loop().time() + (AGAIN_S if self.trouble else ASK_S)

    def _tell(self, words: str) -> None:
        if not self._is_told:
            log.warning("modem: %s", words)
        self._is_told = True
