// Puts what was read into the open queue. Rows never move under the pointer: while it is over the list, only a new
// LIFE case comes in by itself; the others wait in a band, and closed ones stay, greyed, until the pointer has left.
import { cases, readCases } from "./cases.js";
import { bus } from "./bus.js";
import { mark } from "./selection.js";
import { words } from "./words.js";

const TOUCH_REST_MS = 3000; // a finger has no hover: its last touch counts
const SETTLE_MS = 400;

let latest = null;
let touchedAt = -Infinity;
const texts = new WeakMap();

const shown = () => document.getElementById("rows");

export function startQueue() {
  cases.addEventListener("read", ({ detail }) => {
    const asked = shown()?.dataset;
    const answered = detail.page.getElementById("rows")?.dataset;
    if (asked && (asked.show !== answered?.show || asked.find !== answered?.find)) return; // another choice by now
    latest = detail.page;
    for (const id of ["strip", "sums", "shows", "storms", "more"]) adopt(id, detail.page);
    arrange();
  });
  bus.addEventListener("word", () => arrange());
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
    else if (moves || row.dataset.priority === "P1") enter(list, row, moves);
    else held.push(row);
  }
  const open = new Set(target.dataset.undrawn.split(" ")); // but not among those that are drawn
  for (const row of [...list.children]) {
    if (latest.getElementById(row.id)) continue;
    if (moves || !open.has(row.dataset.id)) leave(row, moves);
  }
  if (moves) sort(list, target);
  showBand(held);
  mark();
  filter();
}

function renew(present, row) {
  if (present.dataset.stamp === row.dataset.stamp) return;
  const hadFocus = present.contains(document.activeElement);
  const fresh = document.importNode(row, true);
  present.replaceWith(fresh);
  htmx.process(fresh);
  if (hadFocus) fresh.querySelector("a.open").focus({ preventScroll: true });
}

function enter(list, row, moves) {
  if (!row.firstElementChild) return void readCases(); // it stood here when it was read, and does not any more
  const fresh = document.importNode(row, true);
  fresh.classList.add("fresh");
  list.insertBefore(fresh, moves ? null : nextPresent(row)); // where rows may move they are sorted afterwards
  htmx.process(fresh);
  if (moves) return;
  list.classList.add("settling"); // a click that was meant for another row must not land
  setTimeout(() => list.classList.remove("settling"), SETTLE_MS);
}

function nextPresent(row) {
  for (let next = row.nextElementSibling; next; next = next.nextElementSibling) {
    const present = document.getElementById(next.id);
    if (present) return present;
  }
  return null;
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
  let place = list.firstElementChild;
  for (const row of target.children) {
    const present = document.getElementById(row.id);
    if (!present) continue;
    if (present === place) place = place.nextElementSibling;
    else list.insertBefore(present, place);
  }
  if (list.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

function adopt(id, page) {
  const present = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (!present || !fresh || present.contains(document.activeElement)) return;
  const node = document.importNode(fresh, true);
  if (node.isEqualNode(present)) return;
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
  let visible = 0;
  let top = null; // what the space bar takes
  for (const row of list.children) {
    const isWanted = !wanted || row.dataset.priority === "P1" || textOf(row).includes(wanted);
    if (row.hidden === isWanted) row.hidden = !isWanted;
    visible += isWanted;
    if (isWanted && row.dataset.state === "OPEN") top ??= row;
  }
  for (const row of list.querySelectorAll(":scope > .is-next")) if (row !== top) row.classList.remove("is-next");
  top?.classList.add("is-next");
  const { show, find, undrawn } = list.dataset;
  const isWhole = show === "all" && !find && !wanted;
  document.getElementById("empty").hidden = !isWhole || visible > 0 || undrawn !== "";
  document.getElementById("nothing").hidden = isWhole || visible > 0;
}

function textOf(row) {
  if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
  return texts.get(row);
}
