"""Pictures of every page of the console, in Chinese and English: `./dev shots [FOLDER] [NAME ...]`.

Builds a centre in the middle of a night shift in a temporary folder, opens each page of tests/fixtures/showcase.py in
Chromium, and writes FOLDER/NAME-zh.png and FOLDER/NAME-en.png. NAME: only pages whose names begin so. What the page
itself complains of is printed, and ends the run with 1.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fixtures.browser import centre_in, chromium
from fixtures.showcase import PAGES, Showcase, Shown, showcase
from fixtures.showing import Viewer

LANGUAGES = ("zh", "en")
_TALLEST = 4000


async def shoot(folder: Path, wanted: Iterable[Shown]) -> int:
    """Write the pictures; how many complaints there were."""
    complaints = 0
    with tempfile.TemporaryDirectory() as place:
        async with centre_in(Path(place)) as centre, showcase(centre) as shown, chromium() as browser:
            for language in LANGUAGES:
                async with Viewer(browser, shown, language) as viewer:
                    for page in wanted:
                        complaints += await _picture(viewer, shown, page, folder / f"{page.name}-{language}.png")
    return complaints


async def _picture(viewer: Viewer, shown: Showcase, page: Shown, path: Path) -> int:
    async with viewer.open(page) as tab:
        height = await tab.page.evaluate("document.documentElement.scrollHeight")
        width = tab.page.viewport_size["width"] if tab.page.viewport_size else page.width
        await tab.page.set_viewport_size({"width": width, "height": min(height, _TALLEST)})  # what is fixed lies below
        await tab.page.screenshot(path=path)
        for complaint in tab.complaints:
            print(f"{path.name}: {complaint}")
        print(path)
    return len(tab.complaints)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev shots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("shots"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="only pages whose names begin so")
    options = parser.parse_args()
    wanted = [one for one in PAGES if not options.names or one.name.startswith(tuple(options.names))]
    if not wanted:
        parser.error(f"there is no such page; there are: {', '.join(one.name for one in PAGES)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    return 1 if asyncio.run(shoot(options.folder, wanted)) else 0


if __name__ == "__main__":
    sys.exit(main())
