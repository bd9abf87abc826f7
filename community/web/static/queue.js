// Puts what was read into the open queue. Rows never move under the pointer: while it is over the list, only a new
// LIFE case comes in by itself; the others wait in a band, and closed ones stay, greyed, until the pointer has left.
import { cases } from "./cases.js";
import { bus } from "./bus.js";
import { words } from "./words.js";

const TOUCH_REST_MS = 3000; // a finger has no hover: its last touch counts
const SETTLE_MS = 400;

let latest = null;
let touchedAt = -Infinity;

const shown = () => document.getElementById("rows");

export function startQueue() {
  cases.addEventListener("read", ({ detail }) => {
    latest = detail.page;
    for (const id of ["strip", "sums", "storms", "more"]) adopt(id, detail.page);
    arrange();
  });
  bus.addEventListener("word", arrange);
  document.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") touchedAt = performance.now();
  });
  document.addEventListener("pointerout", (event) => {
    if (event.target.closest?.("#rows") && !event.relatedTarget?.closest?.("#rows")) setTimeout(arrange);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#band")) arrange({ all: true });
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "search") filter();
  });
  document.addEventListener("htmx:after:swap", () => {
    latest = null; // the page is newer than what was read before
    filter();
  });
  filter();
}

function isCalm() {
  return !shown().matches(":hover") && performance.now() - touchedAt > TOUCH_REST_MS;
}

function arrange({ all = false } = {}) {
  const list = shown();
  if (!latest || !list) return;
  const target = latest.getElementById("rows");
  if (!target) return;
  list.dataset.seq = target.dataset.seq;
  const moves = all || isCalm();
  const held = [];
  for (const row of target.children) {
    const present = document.getElementById(row.id);
    if (present) renew(present, row);
    else if (moves || row.dataset.priority === "P1") enter(list, target, row, moves);
    else held.push(row);
  }
  const below = new Set(target.dataset.hidden.split(" ")); // open, but not among those that are drawn
  for (const row of [...list.children]) {
    if (target.querySelector(`#${row.id}`)) continue;
    if (moves || !below.has(row.dataset.id)) leave(row, moves);
  }
  if (moves) sort(list, target);
  showBand(held);
  filter();
}

function renew(present, row) {
  if (present.dataset.stamp === row.dataset.stamp) return;
  const hadFocus = present.contains(document.activeElement);
  const fresh = document.importNode(row, true);
  present.replaceWith(fresh);
  htmx.process(fresh);
  if (hadFocus) fresh.querySelector("a.open").focus();
}

function enter(list, target, row, moves) {
  const fresh = document.importNode(row, true);
  fresh.classList.add("fresh");
  const followers = [...target.children].slice([...target.children].indexOf(row) + 1);
  const next = followers.map((follower) => document.getElementById(follower.id)).find((node) => node);
  list.insertBefore(fresh, next ?? null);
  htmx.process(fresh);
  if (moves) return;
  list.classList.add("settling"); // a click that was meant for another row must not land
  setTimeout(() => list.classList.remove("settling"), SETTLE_MS);
}

function leave(row, moves) {
  if (moves) {
    row.remove();
    return;
  }
  if (row.classList.contains("gone")) return;
  row.classList.add("gone");
  row.dataset.state = "CLOSED";
  row.querySelector(".state").textContent = words.gone;
  row.querySelector(".do").replaceChildren();
}

function sort(list, target) {
  const focused = document.activeElement;
  [...target.children].forEach((row, place) => {
    const present = document.getElementById(row.id);
    if (present && list.children[place] !== present) list.insertBefore(present, list.children[place]);
  });
  if (list.contains(focused) && document.activeElement !== focused) focused.focus();
}

function adopt(id, page) {
  const present = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (!present || !fresh) return;
  const node = document.importNode(fresh, true);
  present.replaceWith(node);
  htmx.process(node);
}

function showBand(held) {
  const band = document.getElementById("band");
  const counts = new Map();
  for (const row of held) counts.set(row.dataset.priority, (counts.get(row.dataset.priority) ?? 0) + 1);
  const text = [...counts].sort().map(([priority, n]) => `${words[priority]} ${n}`).join(" · ");
  band.hidden = held.length === 0;
  band.textContent = held.length ? `${words.fresh} ${text}  ${words.show}` : "";
}

function filter() {
  const list = shown();
  if (!list) return;
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  for (const row of list.children) {
    row.hidden = row.dataset.priority !== "P1" && !row.textContent.toLowerCase().includes(wanted);
  }
  document.getElementById("empty").hidden = list.children.length > 0;
}
