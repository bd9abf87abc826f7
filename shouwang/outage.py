"""Something that does not work for a while: said when that begins and when it is over, not at each try between."""

import logging


class Outage:
    """One thing that is tried again and again. A new one works."""

    def __init__(
        self,
        log: logging.Logger,
        begins: str,
        *,
        ends: str = "",
        level: int = logging.ERROR,
        tells_news: bool = False,
    ) -> None:
        """`begins` goes to `log` at `level` with the reason in place of its %s; `ends` as information (empty: nothing).

        `tells_news`: a reason that is not the one before is said too.
        """
        self._log = log
        self._begins = begins
        self._ends = ends
        self._level = level
        self._tells_news = tells_news
        self._reason: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether the last try failed."""
        return self._reason is not None

    def begin(self, reason: object) -> None:
        """A try failed."""
        text = str(reason)
        is_news = self._reason is None or (self._tells_news and text != self._reason)
        self._reason = text
        if is_news:
            self._log.log(self._level, "%s", self._begins.replace("%s", text, 1), stacklevel=2)

    def over(self) -> None:
        """A try went well."""
        if self._reason is not None and self._ends:
            self._log.info("%s", self._ends, stacklevel=2)
        self._reason = None
