"""Pages as PDF: made by a program of its own, one at a time, each bounded in time and in its number of waiters."""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from community.accounts import Shift
from community.web import assets, weasy
from community.web.console import Console, language_of
from community.web.weasy import Unprintable
from shouwang.errors import TryLater

TIMEOUT_S = 13.0
"""A report of some hundred rows takes two or three; before the guard gives every answer up (community.web.guard)."""
WAITING = 4
"""Who comes after so many is asked to try again: each holds its page in memory."""
_REAP_S = 5.0
"""What was killed is gone by then, unless the kernel itself hangs."""

log = logging.getLogger(__name__)


class Press:
    """Makes PDF of pages. Never in the server: the library holds the interpreter, and an alarm would wait for it."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, program: Sequence[str] = ()) -> None:
        """`timeout_s`: for one page, with its wait. `program`: HTML in, PDF out; as community.web.weasy by default."""
        self._program = tuple(program) or (sys.executable, "-m", weasy.__name__, assets.address())
        self._one = asyncio.Lock()
        self._waiting = 0
        self._timeout_s = timeout_s

    async def pdf(self, html: str) -> bytes:
        """The page as PDF. Raises Unprintable, TryLater."""
        if self._waiting >= WAITING:
            raise TryLater("too many pages wait for the press")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout_s), self._one:
                return await self._printed(html)
        except TimeoutError as error:
            raise TryLater(f"the page was not made within {self._timeout_s:.0f} s") from error
        finally:
            self._waiting -= 1

    async def _printed(self, html: str) -> bytes:
        try:
            child = await asyncio.create_subprocess_exec(*self._program, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        except OSError as error:
            raise TryLater(f"the press cannot be started: {error.strerror}") from error
        try:
            pdf, said = await child.communicate(html.encode())
        finally:
            await _end(child)
        lines = said.decode("utf-8", "replace").strip().splitlines()
        last = lines[-1][:300] if lines else ""
        if child.returncode == weasy.LACKING:
            raise Unprintable(last)
        if child.returncode != 0:
            kind = last.partition(":")[0]  # what stands after it may quote the page, with its names
            log.error("the press failed with status %s: %s", child.returncode, kind)
            raise TryLater("the page could not be made; what went wrong is in the log of the server")
        return pdf

    async def page(
        self, request: Request, console: Console, shift: Shift, /, *, template: str, name: str, **values: object
    ) -> Response:
        """This page of the console as a file `name`; where no PDF can be made, a page that says so."""
        language = language_of(request, shift)
        html = console.pages.render(template, language, {"layout": "paper.html", "shift": shift, **values})
        try:
            body = await self.pdf(html)
        except Unprintable as error:
            return await self._unprintable(request, console, shift, error)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type="application/pdf", headers=headers)

    async def _unprintable(self, request: Request, console: Console, shift: Shift, error: Unprintable) -> HTMLResponse:
        return await console.page(request, "no_pdf.html", shift, status=503, lack=str(error))


async def _end(child: Process) -> None:
    """Who no longer waits leaves nothing behind that computes on."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(_REAP_S):
            await child.wait()
