"""The first minute of the demonstration: one alarm from the ring to the call-back, with nothing but what the pages say.

`./dev bench newcomer [--json FILE] [--shots FOLDER]`. A scripted newcomer in Chromium opens the page that `./dev demo`
names, and does what stands on the buttons; it pauses before each click as long as a person needs to find the next
button. Clicks (and key presses that stand for one) are counted, typed fields too. The seconds are those of the script
on this machine: a real newcomer also reads.
"""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _figures import Figure, options_of, report
from playwright.async_api import BrowserContext, Locator, Page, async_playwright, expect

FIND_S = 1.0
"""To find the next button on a page that one sees for the first time; set by this project."""
MOST_CLICKS, MOST_SECONDS = 20, 120.0
_START_S = 180.0
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Newcomer:
    """Who clicks, and how often he did."""

    folder: Path | None
    clicks: int = 0
    typed: int = 0
    marks: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    async def click(self, button: Locator) -> None:
        """Find it, press it."""
        await asyncio.sleep(FIND_S)
        await button.click()
        self.clicks += 1

    async def write(self, place: Locator, words: str) -> None:
        """Find it, write into it."""
        await asyncio.sleep(FIND_S)
        await place.fill(words)
        self.typed += 1

    async def reach(self, what: str, page: Page) -> None:
        """Note the moment, and take a picture where pictures are wanted."""
        self.marks[what] = time.monotonic() - self.began
        if self.folder is not None:
            await page.screenshot(path=self.folder / f"{len(self.marks)}-{what}.png", full_page=True)


@asynccontextmanager
async def demonstration() -> AsyncIterator[str]:
    """`shouwang demo`; the address that it tells people to open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shouwang", "demo", "--language", "en", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            async for line in process.stdout:
                if found := re.search(r"Open in a browser:\s+(http\S+)", line.decode()):
                    break
            else:
                raise SystemExit("the demonstration ended before it named its page")
        draining = asyncio.create_task(process.stdout.read())
        yield found[1]
        process.terminate()
        await draining
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def seat(newcomer: Newcomer, context: BrowserContext, door: Page, host: str) -> Page:
    """Sit down as this user: a tab of his own, one button."""
    async with context.expect_page() as opening:
        await newcomer.click(door.locator(f"form[action$={host}] button"))
    tab = await opening.value
    await newcomer.click(tab.locator("form[action*='/login/once/'] button"))
    await expect(tab.locator("#live")).to_contain_text("0 s")
    return tab


async def handle(newcomer: Newcomer, context: BrowserContext, address: str) -> None:
    """One alarm, by what the pages say."""
    door = await context.new_page()
    await door.goto(address)
    await newcomer.reach("door", door)
    desk = await seat(newcomer, context, door, "operator")
    await newcomer.click(desk.locator("#sound"))
    await newcomer.click(desk.locator("[data-heard=yes]"))
    await newcomer.reach("on-shift", desk)
    await newcomer.click(door.locator("form[action$=sos] button"))
    row = desk.locator("#rows > .case.p1").first
    await expect(row).to_be_visible()
    await newcomer.reach("ring", desk)
    await newcomer.click(row.locator("form.ack button"))
    await expect(row).to_contain_text("you")
    await newcomer.reach("taken", desk)
    await newcomer.click(row.locator("a.open"))
    await newcomer.click(desk.locator("form.resolve_remote [value=helped]"))
    await newcomer.write(desk.locator("form.resolve_remote textarea"), "Spoke to her: pressed by mistake, all is well")
    await newcomer.click(desk.locator("form.resolve_remote [name=spoke]"))
    await newcomer.click(desk.locator("form.resolve_remote > button"))
    await expect(desk.locator("form.resolve_remote")).to_have_count(0)
    await newcomer.reach("settled", desk)
    case = re.search(r"/incidents/\d+", desk.url)
    assert case is not None
    chief = await seat(newcomer, context, door, "supervisor")
    await newcomer.click(chief.locator(f"#rows a.open[href='{case[0]}']"))
    await newcomer.click(chief.locator("form.verify_ok > button"))
    await expect(chief.locator("form.revisit_ok")).to_have_count(1)
    await newcomer.reach("verified", chief)
    await newcomer.click(chief.locator("form.revisit_ok label", has_text="5"))
    await newcomer.click(chief.locator("form.revisit_ok > button"))
    await expect(chief.locator("form.revisit_ok")).to_have_count(0)
    await newcomer.reach("closed", chief)


async def measure(folder: Path | None) -> Newcomer:
    """Play it once."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("this measurement needs chromium (Debian package chromium)")
    async with demonstration() as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        newcomer = Newcomer(folder)
        await handle(newcomer, context, address)
        await browser.close()
    return newcomer


def figures(newcomer: Newcomer) -> list[Figure]:
    """What was counted."""
    seconds = newcomer.marks["closed"]
    found = [
        Figure(name="clicks from the front page to the closed case", value=newcomer.clicks, target=MOST_CLICKS),
        Figure(name="fields to write in", value=newcomer.typed, target=1),
        Figure(name=f"seconds, {FIND_S:g} s before each click", value=seconds, unit="s", target=MOST_SECONDS),
    ]
    return found + [Figure(name=f"... {what}", value=at, unit="s") for what, at in newcomer.marks.items()]


def main() -> int:
    """The command."""
    parser = options_of(__doc__)
    parser.add_argument("--shots", type=Path, metavar="FOLDER", help="a picture of each stage")
    options = parser.parse_args()
    if options.shots is not None:
        options.shots.mkdir(parents=True, exist_ok=True)
    return report(figures(asyncio.run(measure(options.shots))), options.json)


if __name__ == "__main__":
    sys.exit(main())
