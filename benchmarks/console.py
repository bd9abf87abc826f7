"""Pages of the console with a full district behind them: `./dev bench console [--json FILE] [--quick]`.

The real community server is a process of its own, on SQLite and with a real mosquitto; in its district live 10,000
residents, 2,000 cases are open (1 in 50 a life; one in ten is being worked on, cards are drawn, a storm holds others
back). Each page is asked for over HTTP on one connection, as a browser asks, one after the other: from the first byte
of the question to the last of the answer. Every page must be there within 100 ms (p95). Then twenty consoles ask for
the live part of the queue at once, as they do after each bell: how long until the last of them has it. What every page
reads of the open cases for its strip is measured beside what the queue reads of them, in the same process.

Exits 1 at a missed target, and names the pages that missed it.
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from _console_district import CLOSED, OPEN, District, fill
from _figures import Figure, options_of, report
from _storm_town import browser, link_for, running
from PIL import Image

from community.store import board, strip, views
from community.store.database import Connection, open_store
from community.users import Role
from simulators.broker import running_broker

TARGET_MS = 100.0
ASKED, ASKED_QUICKLY = 60, 12
WARM = 3
STRIP_PART = 0.1
"""Of what the queue reads of the open cases, the strip of every page may take so much, while no case changes."""
CONSOLES = 20


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for, and by whom."""

    name: str
    address: str
    role: Role = Role.OPERATOR


PAGES = (
    Page("queue", "/queue"),
    Page("queue, live part", "/queue?part=live"),
    Page("queue, searched", "/queue?find=王"),
    Page("incident", f"/incidents/{CLOSED + 1}"),
    Page("closed", "/closed"),
    Page("shifts", "/shifts"),
    Page("gateways", "/gateways"),
    Page("sensors", "/sensors"),
    Page("residents", "/residents"),
    Page("resident", "/residents/resident-17"),
    Page("plan", "/plan"),
    Page("street map", "/plan/map"),
    Page("figures", "/kpi", Role.SUPERVISOR),
    Page("storm", "/storms/1", Role.SUPERVISOR),
    Page("wall", "/wall", Role.SUPERVISOR),
    Page("supervision", "/supervision", Role.SUPERVISOR),
    Page("care", "/care", Role.SUPERVISOR),
    Page("reports", "/reports", Role.SUPERVISOR),
    Page("administration", "/admin", Role.ADMIN),
)


_WHO = {"li": Role.OPERATOR, "chen": Role.SUPERVISOR, "gao": Role.ADMIN}


async def measure(folder: Path, *, is_quick: bool) -> list[Figure]:
    """All pages, one after the other, then all consoles at once."""
    store = await open_store(f"sqlite:///{folder}/community.db")
    await fill(store, District())
    found = await store.read(_count)
    assert found >= OPEN, f"only {found} cases are open"
    asked = ASKED_QUICKLY if is_quick else ASKED
    figures = await store.read(partial(_read, asked=asked))
    links = [await link_for(store, login, role) for login, role in _WHO.items()]
    await store.close()
    async with (
        running_broker() as broker,
        running(broker, folder, tiles=_tiles(folder)) as base,
        AsyncExitStack() as open_ones,
    ):
        browsers = {
            role: await open_ones.enter_async_context(browser(base, link))
            for role, link in zip(_WHO.values(), links, strict=True)
        }
        for page in PAGES:
            figures += _figures_of(page.name, await _asked(browsers[page.role], page, asked))
        figures += await _together(browsers[Role.OPERATOR], asked)
    return figures


def _tiles(folder: Path) -> Path:
    """Tiles of the centre's own: a browser asks for them one by one, after the page that is measured here."""
    tiles = folder / "tiles"
    one = tiles / "14" / "13720" / "6700.png"
    one.parent.mkdir(parents=True)
    Image.new("RGB", (256, 256)).save(one)
    return tiles


def _count(connection: Connection) -> int:
    return len(views.queue(connection, datetime.now(UTC)))


def _read(connection: Connection, asked: int) -> list[Figure]:
    """What the queue and the strip read of the open cases while none of them changes."""
    now = partial(datetime.now, UTC)
    rows, counts = board.Memory(), strip.Memory()
    reads = {
        "open cases, for the queue": partial(board.queue, connection, rows, now),
        "open cases, for a strip": partial(strip.look, connection, counts, now),
    }
    took: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(WARM + asked):
        for name, read in reads.items():
            began = time.perf_counter()
            read()
            took[name].append(1000 * (time.perf_counter() - began))
    usual = {name: _part(sorted(each[WARM:]), 0.5) for name, each in took.items()}
    queue, of_strip = usual.values()
    return [
        *(Figure(name=f"{name}: p50", value=value, unit="ms") for name, value in usual.items()),
        Figure(name="a strip, as a part of the queue", value=of_strip / queue, target=STRIP_PART),
    ]


async def _asked(browser: httpx.AsyncClient, page: Page, times: int) -> list[float]:
    took = []
    for _ in range(WARM + times):
        began = time.perf_counter()
        answer = await browser.get(page.address, follow_redirects=True)
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == httpx.codes.OK, f"{page.address}: {answer.status_code}"
    return sorted(took[WARM:])


def _figures_of(name: str, took: list[float]) -> list[Figure]:
    at = partial(_part, took)
    return [
        Figure(name=f"{name}: p50", value=at(0.5), unit="ms"),
        Figure(name=f"{name}: p95", value=at(0.95), unit="ms", target=TARGET_MS),
        Figure(name=f"{name}: slowest", value=took[-1], unit="ms"),
    ]


def _part(took: list[float], part: float) -> float:
    return took[min(len(took) - 1, int(part * len(took)))]


async def _together(browser: httpx.AsyncClient, asked: int) -> list[Figure]:
    """As after a bell. The browsers that read are on the machine's two cores as well."""
    took = []
    for _ in range(max(3, asked // 6)):
        began = time.perf_counter()
        answers = await asyncio.gather(*(browser.get("/queue?part=live") for _ in range(CONSOLES)))
        took.append(1000 * (time.perf_counter() - began))
        assert all(answer.status_code == httpx.codes.OK for answer in answers)
    took.sort()
    return [
        Figure(name=f"{CONSOLES} consoles at once: the last has it, p50", value=_part(took, 0.5), unit="ms"),
        Figure(name=f"{CONSOLES} consoles at once: the last has it, slowest", value=took[-1], unit="ms", target=1000),
    ]


def main() -> int:
    """Measure and report."""
    parser = options_of(__doc__)
    parser.add_argument("--quick", action="store_true", help=f"ask {ASKED_QUICKLY} times instead of {ASKED}")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="shouwang-console-") as folder:
        figures = asyncio.run(measure(Path(folder), is_quick=options.quick))
    code = report(figures, options.json, pages=[page.address for page in PAGES])
    missed = [figure.name.partition(":")[0] for figure in figures if not figure.ok]
    if missed:
        print(f"too slow: {', '.join(missed)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
