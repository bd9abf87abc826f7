"""The queue under an operator's hands: `./dev bench desk [--json FILE] [--quick] [district|lives ...]`.

The real community server, a process of its own on SQLite, with 2,000 open cases; in front of it Chromium at 1440 x 900.
Two scenes: `district` (1 in 50 a life, as benchmarks/console.py has it), `lives` (half of the 2,000 are lives, and all
of them are drawn).

What is measured inside the page, without the network: from the time stamp that the browser gave the key, the click or
the letter (so time in which the page was busy counts) to the second animation frame after it, in which its result has
been painted. Of an acknowledgement: from the moment the answer is there to the second frame after it was put in.
Two frames of 16.7 ms are part of each number. `refresh` is the longest time for which one reading of the queue after
a bell kept the page from answering (tasks of 50 ms and more, as the browser reports them; 0: none).

Exits 1 at a missed target.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from _console_district import OPEN, District, fill
from _figures import Figure, options_of, report
from _storm_town import Town, running
from playwright.async_api import Page, async_playwright

from community.accounts import Accounts
from community.store import intake
from community.store.database import Store, open_store
from community.users import Role
from shouwang.alert import Severity
from shouwang.errors import TryLater
from simulators.broker import running_broker

TARGET_MS = 100.0
TIMES, TIMES_QUICKLY = 40, 10
NEW = 10
"""Cases that come in at once while the pointer rests on the list."""
_PASSWORD = "four words make sense"
_LIVES = 2
"""An operator may have so many lives in hand."""
_WAIT_MS = 60_000
_TRIES = 10
"""So often a new case is written again where the server, on a busy machine, does not let go of the database."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

_PROBE = """() => {
  window.took = {}; window.tasks = [];
  const note = (name, began) => requestAnimationFrame(() => requestAnimationFrame(() =>
    (window.took[name] ??= []).push(performance.now() - began)));
  addEventListener('keydown', (e) => note(`key ${e.key}`, e.timeStamp), true);
  addEventListener('input', (e) => note('search', e.timeStamp), true);
  addEventListener('click', (e) => note(e.target.closest('#band') ? 'band' : 'click', e.timeStamp), true);
  const ask = window.fetch;
  window.fetch = async (to, how) => {
    const answer = await ask(to, how);
    if (String(to).endsWith('/ack')) note('answer', performance.now());
    return answer;
  };
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: 'longtask' });
}"""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The open page, and the way to let new cases come in."""

    page: Page
    store: Store
    homes: Town
    fresh: "count[int]"

    async def come_in(self, severity: Severity) -> None:
        """New cases, written as the server itself would; it finds them within a second."""
        envelopes = [self.homes.envelope(next(self.fresh), "vital", severity) for _ in range(NEW)]
        for tries_left in range(_TRIES, -1, -1):
            try:
                await self.store.write(lambda connection: intake.take_in(connection, envelopes, datetime.now(UTC)))
            except TryLater:  # the server writes at this moment; it has its clocks to look after
                if not tries_left:
                    raise
            else:
                return

    async def painted(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Do it, and wait until its result was on the screen."""
        before = await self.page.evaluate("(name) => (window.took[name] ?? []).length", name)
        await act()
        wait = "([name, before]) => (window.took[name] ?? []).length > before"
        await self.page.wait_for_function(wait, arg=[name, before], timeout=_WAIT_MS)


async def measure(scenes: list[str], times: int) -> list[Figure]:
    """Each scene with a server of its own."""
    figures: list[Figure] = []
    for scene in scenes:
        with TemporaryDirectory(prefix="shouwang-desk-") as folder:
            async with _desk(Path(folder), scene) as desk:
                figures += await _worked(desk, scene, times)
    return figures


@asynccontextmanager
async def _desk(folder: Path, scene: str) -> AsyncIterator[Desk]:
    store = await open_store(f"sqlite:///{folder}/community.db")
    homes = District()
    await fill(store, homes, kind=_half_lives if scene == "lives" else None)
    await Accounts(store).add_user(
        login="wang", name="Wang", role=Role.OPERATOR, language="zh", password=_PASSWORD, now=datetime.now(UTC)
    )
    async with (
        running_broker() as broker,
        running(broker, folder) as base,
        async_playwright() as playwright,
    ):
        chromium = await playwright.chromium.launch(executable_path=which("chromium"), args=_FLAGS)
        context = await chromium.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        await page.goto(f"{base}/login")
        await page.fill("#login", "wang")
        await page.fill("#password", _PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("#rows > .case").first.wait_for(timeout=_WAIT_MS)
        await page.evaluate(_PROBE)
        yield Desk(page=page, store=store, homes=homes, fresh=count(50_000))
        await chromium.close()
    await store.close()


def _half_lives(home: int) -> tuple[str, Severity]:
    return ("sos", Severity.P1) if home % 2 == 0 else ("tamper", Severity.P3)


async def _worked(desk: Desk, scene: str, times: int) -> list[Figure]:
    page = desk.page
    rows = await page.locator("#rows > .case").count()
    await page.mouse.move(700, 5)
    for _ in range(times):
        await desk.painted("key j", lambda: page.keyboard.press("j"))
    for _ in range(times):
        await desk.painted("key k", lambda: page.keyboard.press("k"))
    await page.keyboard.press("/")
    for turn in range(times):
        letter = "王李张刘"[turn % 4]
        await desk.painted("search", lambda letter=letter: page.keyboard.insert_text(letter))  # type: ignore[misc]
        await desk.painted("search", lambda: page.keyboard.press("Backspace"))
    await page.keyboard.press("Escape")
    for _ in range(_LIVES):
        await page.wait_for_timeout(1000)  # a held key takes one case only
        await desk.painted("answer", lambda: page.keyboard.press("Space"))
    blocked = []
    for _ in range(max(3, times // 8)):
        await page.locator("#rows > .case").nth(1).hover()
        await page.evaluate("window.tasks.length = 0")
        await desk.come_in(Severity.P2)
        await page.locator("#band").wait_for(state="visible", timeout=_WAIT_MS)
        blocked.append(await page.evaluate("Math.max(0, ...window.tasks)"))
        await desk.painted("band", lambda: page.press("#band", "Enter"))  # a mouse that left the list opens it itself
    took = await page.evaluate("window.took")
    kinds = {"J": "key j", "K": "key k", "letter of the search": "search", "band opened": "band"}
    kinds["acknowledged, after the answer"] = "answer"
    figures = [Figure(name=f"{scene}: rows drawn", value=rows)]
    for name, kind in kinds.items():
        figures += _figures_of(f"{scene}: {name}", sorted(took[kind]))
    return [*figures, *_figures_of(f"{scene}: refresh, page not answering", sorted(blocked))]


def _figures_of(name: str, took: list[float]) -> list[Figure]:
    return [
        Figure(name=f"{name}, p50", value=took[len(took) // 2], unit="ms"),
        Figure(name=f"{name}, p95", value=took[min(len(took) - 1, int(0.95 * len(took)))], unit="ms", target=TARGET_MS),
    ]


def main() -> int:
    """Measure and report."""
    parser = options_of(__doc__)
    parser.add_argument("scenes", nargs="*", choices=[[], "district", "lives"], metavar="SCENE")
    parser.add_argument("--quick", action="store_true", help=f"{TIMES_QUICKLY} times each instead of {TIMES}")
    options = parser.parse_args()
    scenes = options.scenes or ["district", "lives"]
    figures = asyncio.run(measure(scenes, TIMES_QUICKLY if options.quick else TIMES))
    return report(figures, options.json, scenes=scenes, open=OPEN)


if __name__ == "__main__":
    sys.exit(main())
