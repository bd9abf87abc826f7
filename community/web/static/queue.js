// Puts what was read into the open queue. Rows never move under the pointer: while it is over the list, only a new
// LIFE case comes in by itself; the others wait in a band, and closed ones stay, greyed, until the pointer has left.
import { cases, readCases } from "./cases.js";
import { bus } from "./bus.js";
import { stayers } from "./order.js";
import { mark } from "./selection.js";
import { words } from "./words.js";

const TOUCH_REST_MS = 3000; // a finger has no hover: its last touch counts
const SETTLE_MS = 400;
const SLICE_MS = 20; // many rows are put in piece by piece: between two of them keys and clicks have their turn

let latest = null; // what was read last: `order` of all rows, `rows` that are not in the list yet
let turn = 0;
let isAllWanted = false;
let touchedAt = -Infinity;
const texts = new WeakMap();

const shown = () => document.getElementById("rows");
const rowOf = (id) => document.getElementById(`case-${id}`);
const isGone = (row) => row.classList.contains("gone");
const pause = () => globalThis.scheduler?.yield?.() ?? new Promise((resolve) => { setTimeout(resolve); });

export function startQueue() {
  cases.addEventListener("read", ({ detail }) => {
    const list = shown();
    if (detail.list !== list) return void readCases(); // another page, or another choice by now
    if (!list) return adopt("strip", detail.page);
    for (const id of ["sums", "shows", "storms", "more"]) adopt(id, detail.page);
    latest = taken(list, detail.page.getElementById("rows"));
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
  document.addEventListener("htmx:after:swap", filter);
  filter();
}

function isCalm() {
  return !shown().matches(":hover") && performance.now() - touchedAt > TOUCH_REST_MS;
}

// A reading has the rows that this page lacks; what waits in the band since an earlier one is carried on.
function taken(list, target) {
  const { order, seq, undrawn, drawn } = target.dataset;
  const rows = new Map([...target.children].map((row) => [row.dataset.id, row]));
  const all = order?.split(" ") ?? [...rows.values()].map(({ dataset }) => `${dataset.id}:${dataset.version}`);
  const ordered = all.map((one) => one.split(":"));
  const before = latest?.list === list ? latest.rows : new Map();
  for (const [id] of ordered) if (!rows.has(id) && before.has(id)) rows.set(id, before.get(id));
  return { list, seq, drawn, rows, order: ordered, undrawn: new Set(undrawn.split(" ")) };
}

async function arrange({ all = false } = {}) {
  const mine = ++turn; // a later call does what is left of this one
  isAllWanted ||= all;
  const list = shown();
  if (!latest || latest.list !== list || latest.isDone) return;
  const reading = latest;
  list.dataset.seq = reading.seq;
  let moves = isAllWanted || isCalm();
  letGo(reading, moves);
  const next = places(reading.order);
  const held = [];
  let until = performance.now() + SLICE_MS;
  for (const [id, version] of reading.order) {
    if (performance.now() > until) {
      filter();
      await pause();
      if (mine !== turn || shown() !== list) return;
      moves = isAllWanted || isCalm();
      until = performance.now() + SLICE_MS;
    }
    const present = rowOf(id);
    const row = reading.rows.get(id);
    if (!row?.firstElementChild && !isEnough(present, row, version)) return readAll(list);
    if (present) renew(present, row);
    else if (moves || row.dataset.priority === "P1") enter(list, row, rowOf(next.get(id)), moves);
    else {
      held.push(row);
      continue;
    }
    reading.rows.delete(id);
  }
  if (moves) {
    letGo(reading, moves);
    sort(list, reading.order);
  }
  reading.isDone = moves && !held.length;
  isAllWanted = false;
  list.dataset.drawn = reading.drawn;
  showBand(held);
  mark();
  filter();
  cases.dispatchEvent(new Event("shown"));
}

// A row that was not sent stands here, as new as the server says; or it was sent, and read without its words.
function isEnough(present, row, version) {
  return present && !isGone(present) && (row || Number(present.dataset.version) >= Number(version));
}

function readAll(list) {
  list.dataset.drawn = "";
  readCases();
}

// By number: before which of the rows that are here now it belongs.
function places(order) {
  const next = new Map();
  let present = null;
  for (const [id] of order.toReversed()) {
    next.set(id, present);
    if (rowOf(id)) present = id;
  }
  return next;
}

function renew(present, row) {
  if (!row?.firstElementChild) return; // not sent, or read without its words: it is the same
  if (present.dataset.stamp === row.dataset.stamp && !isGone(present)) return;
  const hadFocus = present.contains(document.activeElement);
  const fresh = document.importNode(row, true);
  present.replaceWith(fresh);
  htmx.process(fresh);
  if (hadFocus) fresh.querySelector("a.open").focus({ preventScroll: true });
}

function enter(list, row, next, moves) {
  const fresh = document.importNode(row, true);
  fresh.classList.add("fresh");
  list.insertBefore(fresh, next);
  htmx.process(fresh);
  if (moves) return;
  list.classList.add("settling"); // a click that was meant for another row must not land
  setTimeout(() => list.classList.remove("settling"), SETTLE_MS);
}

function letGo({ list, order, undrawn }, moves) {
  const wanted = new Set(order.map(([id]) => id));
  for (const row of [...list.children]) {
    const { id } = row.dataset;
    if (!wanted.has(id) && (moves || !undrawn.has(id))) leave(row, moves); // those that are open may be among the undrawn
  }
}

function leave(row, moves) {
  if (moves) {
    row.remove();
    return;
  }
  if (isGone(row)) return;
  row.classList.add("gone");
  row.dataset.state = "CLOSED";
  row.querySelector(".state").textContent = words.gone;
  row.querySelector(".do").replaceChildren();
}

// As few rows are moved as can be: each one that is taken out and put in again is drawn anew.
function sort(list, order) {
  const stands = new Map([...list.children].map((row, place) => [row, place]));
  const rows = order.map(([id]) => rowOf(id)).filter(Boolean);
  const stay = stayers(rows.map((row) => stands.get(row)));
  const focused = document.activeElement;
  let next = null;
  for (const [at, row] of [...rows.entries()].reverse()) {
    if (!stay.has(at)) list.insertBefore(row, next);
    next = row;
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
  const says = held.length ? `${words.fresh} ${text}  ${words.show}` : "";
  if (band.textContent === says) return;
  band.hidden = held.length === 0;
  band.textContent = says;
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
