// The street map: draws what the list below it says, mark by mark, and again whenever the list has changed.
const LIBRARY = new URL("./vendor/leaflet-1.9.4.js", import.meta.url);
const APART = 60; // pixels between two marks; nearer ones are one, so that each can be met by a finger
const CLOSE = 17; // a street with its houses: no first look goes nearer
const ROOM = 40; // pixels around the marks on the first look
const FURTHER = 2; // zooms beyond what the tiles have: they are drawn smaller or larger there
const BESIDE = 0.25; // of the window: marks so far outside are drawn, or they would come late while the map is moved
const EARTH = [[-85.06, -180], [85.06, 180]];
let library = null;
let shown = null;

export function startMap() {
  document.addEventListener("htmx:after:swap", open);
  document.addEventListener("plan:drawn", () => shown?.draw());
  open();
}

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.L.noConflict());
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

async function open() {
  const frame = document.getElementById("map");
  if (shown?.frame === frame) return;
  shown?.close();
  shown = null;
  if (!frame) return;
  let L;
  try {
    L = await load();
  } catch {
    library = null;
    return; // the list says the same
  }
  if (frame.isConnected && shown?.frame !== frame) shown = new StreetMap(L, frame);
}

class StreetMap {
  #L;
  #map;
  #marks = new Map(); // by key: { marker, stamp }
  #isDragged = false;

  constructor(L, frame) {
    this.#L = L;
    this.frame = frame;
    frame.replaceChildren(); // what a page that comes back from the history had drawn
    document.getElementById("map-frame").hidden = false;
    const { tiles, least, most } = frame.dataset;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#map = L.map(frame, {
      zoomControl: false, attributionControl: false, minZoom: Math.max(0, least - FURTHER), maxZoom: Number(most) + FURTHER,
      maxBounds: EARTH, maxBoundsViscosity: 1, zoomAnimation: !isStill, fadeAnimation: !isStill, inertia: !isStill,
    });
    this.lookAtAll();
    tilesOf(L, tiles, { minNativeZoom: Number(least), maxNativeZoom: Number(most) }).addTo(this.#map);
    this.#map.on("moveend", () => this.draw());
    this.#map.on("dragstart", () => { this.#isDragged = true; });
    frame.addEventListener("pointerdown", () => { this.#isDragged = false; }, true);
    frame.addEventListener("click", (event) => this.#press(event), true);
    document.getElementById("map-in").onclick = () => this.#map.zoomIn();
    document.getElementById("map-out").onclick = () => this.#map.zoomOut();
    document.getElementById("map-all").onclick = () => this.lookAtAll();
    this.draw();
  }

  close() {
    this.#map.remove();
  }

  lookAtAll() {
    const points = spots().map((spot) => spot.at);
    const near = Math.min(CLOSE, this.#map.getMaxZoom());
    if (points.length > 0) this.#map.fitBounds(points, { padding: [ROOM, ROOM], maxZoom: near });
    else this.#map.setView(pointIn(this.frame.dataset.centre ?? "0 0"), this.frame.dataset.centre ? near : this.#map.getMinZoom());
  }

  // Only what differs is made anew: the focus stays on its mark, and a click meets what it was meant for.
  draw() {
    if (!this.frame.isConnected) return;
    const wanted = new Map(this.#groups().map((group) => [keyOf(group), group]));
    for (const [key, { marker }] of this.#marks) {
      if (wanted.has(key)) continue;
      marker.remove();
      this.#marks.delete(key);
    }
    for (const [key, group] of wanted) this.#put(key, group);
  }

  #put(key, group) {
    const stamp = group.map(({ stamp }) => stamp).join(" ");
    const old = this.#marks.get(key);
    if (old?.stamp === stamp) return;
    const hadFocus = old?.marker.getElement()?.contains(document.activeElement);
    old?.marker.remove();
    const L = this.#L;
    const html = group.length === 1 ? markOf(group[0]) : groupOf(group, this.frame.dataset.group);
    const icon = L.divIcon({ className: "map-point", html, iconSize: [0, 0] });
    const marker = L.marker(group[0].at, { icon, interactive: false, keyboard: false, zIndexOffset: -1000 * group[0].rank });
    marker.addTo(this.#map);
    this.#marks.set(key, { marker, stamp, group });
    if (hadFocus) html.focus({ preventScroll: true });
  }

  // The worst first: it stands at its own point, and takes in what lies too near.
  #groups() {
    const map = this.#map;
    const isLast = map.getZoom() >= map.getMaxZoom();
    const seen = map.getBounds().pad(BESIDE);
    const cells = new Map();
    const groups = [];
    for (const spot of spots().filter(({ at }) => seen.contains(at))) {
      const { x, y } = map.project(spot.at);
      const near = isLast ? null : nearTo(cells, x, y);
      if (near) {
        near.push(spot);
        continue;
      }
      const group = Object.assign([spot], { x, y });
      groups.push(group);
      const cell = cellOf(x, y);
      cells.set(cell, [...(cells.get(cell) ?? []), group]);
    }
    return groups;
  }

  #press(event) {
    if (this.#isDragged) { // it was taken hold of by a mark
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const many = event.target.closest("button.map-mark");
    if (!many) return;
    const { group } = [...this.#marks.values()].find(({ marker }) => marker.getElement()?.contains(many));
    const before = this.#map.getZoom();
    const most = this.#map.getMaxZoom();
    const bounds = this.#L.latLngBounds(group.map(({ at }) => at));
    const zoom = Math.min(most, Math.max(before + 1, this.#map.getBoundsZoom(bounds, false, this.#L.point(ROOM, ROOM))));
    this.#map.setView(bounds.getCenter(), zoom);
    this.frame.focus({ preventScroll: true });
  }
}

// Not Leaflet's own layer of tiles: that one empties a tile with a data: picture, which our pages forbid.
function tilesOf(L, template, zooms) {
  const Tiles = L.GridLayer.extend({
    createTile({ x, y, z }, done) {
      const img = Object.assign(document.createElement("img"), { alt: "", decoding: "async" });
      img.onload = () => done(null, img);
      img.onerror = () => { img.hidden = true; done(null, img); }; // there is none: the ground shows
      img.src = template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
      return img;
    },
  });
  return new Tiles({ ...zooms, noWrap: true, keepBuffer: 1, bounds: EARTH });
}

function spots() {
  const found = [...document.querySelectorAll("#plan-live [data-at]")].map((item) => ({
    id: item.id,
    at: pointIn(item.dataset.at),
    state: item.dataset.state,
    rank: Number(item.dataset.rank),
    homes: Number(item.dataset.homes),
    stamp: item.dataset.stamp,
    word: item.dataset.word,
    item,
  }));
  return found.sort((one, other) => one.rank - other.rank);
}

const pointIn = (text) => text.split(" ").map(Number);
const keyOf = (group) => group.map(({ id }) => id).join(" ");
const cellOf = (x, y) => `${Math.floor(x / APART)} ${Math.floor(y / APART)}`;

function nearTo(cells, x, y) {
  for (const left of [-APART, 0, APART]) {
    for (const up of [-APART, 0, APART]) {
      const found = (cells.get(cellOf(x + left, y + up)) ?? []).find((group) => Math.hypot(group.x - x, group.y - y) < APART);
      if (found) return found;
    }
  }
  return null;
}

// One place: the sign of its worst state with the number of its homes. It leads where its entry in the list leads.
function markOf({ item, state, homes, id }) {
  const entry = item.querySelector(".map-place");
  const href = entry.getAttribute("href");
  const mark = document.createElement(href ? "a" : "span");
  if (href) Object.assign(mark, { href, draggable: false });
  else mark.setAttribute("role", "img");
  mark.id = `on-map-${id}`;
  mark.setAttribute("aria-label", entry.getAttribute("aria-label"));
  return dressed(mark, state, homes, item);
}

function groupOf(group, template) {
  const [{ state, word, item }] = group;
  const homes = group.reduce((sum, one) => sum + one.homes, 0);
  const mark = Object.assign(document.createElement("button"), { type: "button" });
  mark.setAttribute("aria-label", template.replace("{places}", group.length).replace("{homes}", homes).replace("{state}", word));
  mark.classList.add("many");
  return dressed(mark, state, homes, item);
}

function dressed(mark, state, homes, item) {
  mark.classList.add("map-mark", `st-${state}`);
  mark.title = mark.getAttribute("aria-label");
  const number = Object.assign(document.createElement("b"), { textContent: homes });
  mark.append(item.querySelector(".sign").cloneNode(true), number);
  return mark;
}
