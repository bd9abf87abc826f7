"""The street map in Chromium: marks at their pixels, alive, by keys, and alone with its own server."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from fixtures.browser import PASSWORD, Centre, console_of
from fixtures.map_tiles import around, folder_of_tiles, pixel_at
from fixtures.plan_homes import TOWER_AT, points, settle, tower
from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from community.map_settings import MapEntry
from community.store import schema
from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)
BUILDING, LONELY, FAR = "place-sunny-1/b8号楼", "place-sunny-1/b10号楼", "home-home-100"
PLACES = {
    BUILDING: TOWER_AT,
    LONELY: (TOWER_AT[0] + 0.002, TOWER_AT[1] + 0.003),
    FAR: (TOWER_AT[0] - 0.003, TOWER_AT[1] - 0.002),
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
MIDDLES = """() => Object.fromEntries([...document.querySelectorAll('#map .map-mark[id]')].map((mark) => {
  const box = mark.getBoundingClientRect();
  return [mark.id.replace('on-map-mark-', ''), [box.x + box.width / 2, box.y + box.height / 2]];
}))"""

ON_MAP = """() => {
  const box = (one) => document.querySelector(one).getBoundingClientRect();
  const [frame, mark] = [box('#map'), box('#map [id$="b8号楼"]')];
  return [mark.x + mark.width / 2 - frame.x, mark.y + mark.height / 2 - frame.y];
}"""


class Seat:
    """A browser at the map, and what it complained of or asked elsewhere."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def mark(self, name: str) -> str:
        return f'[id="on-map-mark-{name}"]'


@pytest.fixture
async def town(centre: Centre) -> Centre:
    await settle(centre, tower())
    await settle(centre, points())
    alive = schema.gateways.update().values(online=True, last_seen=centre.clock.now)
    await centre.store.write(lambda connection: connection.execute(alive))
    tiles = around(*TOWER_AT, (14, 15, 16), reach=3)
    centre.street_map = MapEntry(tiles=folder_of_tiles(centre.folder / "tiles", tiles), attribution="Bureau")
    return centre


async def seat_at(town: Centre, browser: Browser, url: str, language: str = "en", **context: object) -> Seat:
    await town.user(language=language)
    page = await (await browser.new_context(viewport={"width": 1280, "height": 900}, **context)).new_page()  # type: ignore[arg-type]
    seat = Seat(page, url)
    await page.goto(f"{url}/login")
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/queue")
    return seat


@pytest.fixture
async def seat(town: Centre, browser: Browser) -> AsyncIterator[Seat]:
    async with console_of(town) as url:
        found = await seat_at(town, browser, url, reduced_motion="reduce")
        await expect(found.page.locator("#live")).to_contain_text("0 s")
        yield found
        await found.page.context.close()
    assert found.complaints == []
    assert [address for address in found.asked if not address.startswith(url + "/")] == []


async def open_map(seat: Seat) -> None:
    """By its links, as people do: the library and its styles come to a page that had none."""
    await seat.page.evaluate("window.isSamePage = true")
    await seat.page.locator("#nav summary").click()
    await seat.page.locator('#nav a[href="/plan"]').click()
    await seat.page.get_by_role("link", name="Street map").click()
    await expect(seat.page.locator(".map-mark")).to_have_count(3)
    assert await seat.page.evaluate("window.isSamePage")  # or the sound of the shift would be gone


async def test_marks_stand_at_their_pixels_on_tiles_of_this_server(seat: Seat) -> None:
    await open_map(seat)
    await expect(seat.page.locator("#map img.leaflet-tile-loaded").first).to_be_visible()
    found = await seat.page.evaluate(MIDDLES)
    assert set(found) == set(PLACES)
    (zoom,) = {int(url.split("/plan/tiles/")[1].split("/")[0]) for url in seat.asked if "/plan/tiles/" in url}
    origin = pixel_at(*TOWER_AT, zoom)
    for name, place in PLACES.items():
        right = [at - start for at, start in zip(pixel_at(*place, zoom), origin, strict=True)]
        drawn = [at - start for at, start in zip(found[name], found[BUILDING], strict=True)]
        assert right == pytest.approx(drawn, abs=1.6), name
    tile = await seat.page.evaluate("""() => {
      const img = document.querySelector('#map img.leaflet-tile-loaded');
      const box = img.getBoundingClientRect();
      return [img.src, box.x, box.y, img.naturalWidth];
    }""")
    column, row = (int(part) for part in tile[0].split("?")[0].split("/")[-2:])
    on_tile = [at - 256 * number for at, number in zip(origin, (column, row), strict=True)]
    drawn = [found[BUILDING][0] - tile[1], found[BUILDING][1] - tile[2]]
    assert drawn == pytest.approx(on_tile, abs=1.6)
    assert tile[3] == 256


async def test_a_mark_changes_by_itself_and_keeps_its_place_and_the_focus(seat: Seat, town: Centre) -> None:
    await open_map(seat)
    mark = seat.page.locator(seat.mark(BUILDING))
    await expect(mark).to_have_class("map-mark st-well")
    before = await seat.page.evaluate(ON_MAP)
    await mark.focus()
    await town.alarm("gw-10", "sos", Severity.P1)
    await expect(mark).to_have_class("map-mark st-p1")
    assert await seat.page.evaluate("document.activeElement.id") == f"on-map-mark-{BUILDING}"
    assert await seat.page.evaluate(ON_MAP) == pytest.approx(before, abs=1)
    label = "湖滨区 · 阳光社区 · 第一网格 · 8号楼: 23 homes, worst: Open case: LIFE, Open case: LIFE 1"
    await expect(mark).to_have_attribute("aria-label", label)
    await expect(seat.page.locator(f'[id="go-{BUILDING}"]')).to_have_attribute("aria-label", label)
    await seat.page.keyboard.press("Enter")
    await expect(seat.page.locator("#door-home-010")).to_be_visible()
    assert await seat.page.evaluate("window.isSamePage")


async def test_keys_reach_the_list_and_move_the_map(seat: Seat) -> None:
    await open_map(seat)
    await seat.page.locator("#map").focus()
    before = await seat.page.evaluate(MIDDLES)
    await seat.page.keyboard.press("ArrowRight")
    await seat.page.wait_for_function(f"""() => {{
      const box = document.querySelector('{seat.mark(BUILDING)}').getBoundingClientRect();
      return box.x + box.width / 2 < {before[BUILDING][0]} - 40;
    }}""")
    for _ in range(4):
        await seat.page.locator("#map-out").click()
    many = seat.page.locator("button.map-mark.many")
    await expect(many).to_have_count(1)
    await expect(many).to_have_attribute(
        "aria-label", "3 places with 25 homes, worst: All well. Press to see them apart."
    )
    await many.focus()
    await seat.page.keyboard.press("Enter")
    await expect(seat.page.locator(".map-mark")).to_have_count(3)
    await seat.page.locator("#map-out").focus()
    await seat.page.locator('[href="#map-list"]').focus()
    await seat.page.keyboard.press("Enter")
    await seat.page.keyboard.press("Tab")
    assert (await seat.page.evaluate("document.activeElement.id")).startswith("go-")


async def test_a_map_that_is_pulled_by_a_mark_opens_nothing(seat: Seat) -> None:
    await open_map(seat)
    box = await seat.page.locator(seat.mark(BUILDING)).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await seat.page.evaluate("addEventListener('click', () => { window.isPressed = true; })")
    await seat.page.mouse.move(x, y)
    await seat.page.mouse.down()
    await seat.page.mouse.move(x + 60, y + 30, steps=6)
    await seat.page.mouse.up()
    moved = (await seat.page.evaluate(MIDDLES))[BUILDING]
    assert moved == pytest.approx([x + 60, y + 30], abs=4)
    assert not await seat.page.evaluate("window.isPressed")
    await seat.page.mouse.click(*moved)
    await expect(seat.page.locator("#door-home-010")).to_be_visible()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_map_is_fit_for_people(town: Centre, browser: Browser, language: str) -> None:
    await town.alarm("gw-31", "sos", Severity.P1)
    async with console_of(town) as url:
        seat = await seat_at(town, browser, url, language)
        await seat.page.goto(f"{url}/plan/map")
        await expect(seat.page.locator(".map-mark")).to_have_count(3)
        for broken in (await Axe().run(seat.page, options=RULES)).response["violations"]:
            pytest.fail(f"{broken['id']}: {[node['html'][:160] for node in broken['nodes'][:3]]}")
        await seat.page.set_viewport_size({"width": 390, "height": 800})
        assert await seat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seat.complaints == []
        await seat.page.context.close()


async def test_without_scripts_the_list_stands_alone(town: Centre, browser: Browser) -> None:
    async with console_of(town) as url:
        seat = await seat_at(town, browser, url, java_script_enabled=False)
        await seat.page.goto(f"{url}/plan/map")
        assert not await seat.page.locator("#map-frame").is_visible()
        await seat.page.locator(f'[id="go-{BUILDING}"]').click()
        await expect(seat.page.locator("h1")).to_have_text("8号楼")
        await seat.page.context.close()
