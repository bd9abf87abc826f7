"""Cuts what a modem sends into lines, and finds the prompt that ends in no line. Pure."""

PROMPT = "> "
"""Stands among the lines for the prompt of AT+CMGS; no line ends in a blank."""
MAX_LINE = 2048
"""Characters. A message in PDU form has 352, an answer to a service code some 800."""
_ENDS = b"\r\n"


class AtSplitter:
    """Bytes in, lines out, without blanks and control characters around and in them. Empty lines are nothing.

    What makes no line within `MAX_LINE` bytes is dropped up to the next line end, and counted in `dropped`.
    """

    def __init__(self) -> None:
        """Nothing came yet."""
        self.expects_prompt = False
        """Set by who has asked for the prompt: a `> ` at another time is noise."""
        self.dropped = 0
        self._pending = bytearray()
        self._is_skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now, in their order."""
        found: list[str] = []
        for byte in data:
            if byte in _ENDS:
                found += self._end_of_line()
            elif not self._is_skipping:
                self._pending.append(byte)
                if self._is_at_prompt():
                    self._pending.clear()
                    found.append(self._prompt())
                elif len(self._pending) > MAX_LINE:
                    self._skip()
        return found

    def forget(self) -> None:
        """The line was closed: what comes next is not the rest of this."""
        self._pending.clear()
        self._is_skipping = self.expects_prompt = False

    def _end_of_line(self) -> list[str]:
        line = _cleaned(self._pending)
        self._pending.clear()
        self._is_skipping = False
        if line == ">" and self.expects_prompt:
            return [self._prompt()]
        return [line] if line else []

    def _is_at_prompt(self) -> bool:
        return self.expects_prompt and self._pending.endswith(b"> ") and _cleaned(self._pending) == ">"

    def _prompt(self) -> str:
        self.expects_prompt = False
        return PROMPT

    def _skip(self) -> None:
        self.dropped += 1
        self._pending.clear()
        self._is_skipping = True


def _cleaned(octets: bytes | bytearray) -> str:
    return "".join(char for char in octets.decode("latin-1") if char.isprintable()).strip()
