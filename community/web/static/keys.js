// Single keys. None acts while somebody writes in a field or a dialog is open; each is a button as well.
import { focusOn, selected } from "./selection.js";
import { say, words } from "./words.js";

const ACK_PAUSE_MS = 800; // a bouncing space bar must not take two cases

const TICK = "[type=radio], [type=checkbox]"; // letters mean nothing to these

const WORDS = "textarea, input:not([type=hidden], [type=radio], [type=checkbox])";

const OF_A_CASE = ["v", "f", "d", "1", "r", "h", "n"]; // in the queue: of the selected one, on its own page

let ackedAt = -Infinity;
let asked = null; // a key that the page of this case is opened for

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", ({ target, detail }) => {
    const button = target.closest("button");
    if (button?.dataset.key) act(button.dataset.key);
    if (button && detail > 0) button.blur(); // after a mouse click the space bar belongs to the queue again
  });
  document.addEventListener("htmx:after:swap", ({ detail }) => {
    if (detail.ctx.sourceElement.matches?.("li.case")) detail.ctx.sourceElement.querySelector("a.open").focus();
  });
  document.addEventListener("htmx:after:swap", () => setTimeout(goOn));
  document.addEventListener("submit", ({ target }) => {
    if (target.matches("form.language")) target.elements.next.value = location.pathname;
  }, true);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const { target } = event;
  const isTick = target.matches(TICK);
  const isAsked = document.querySelector("dialog[open]");
  if (target.closest("input, textarea, select, [contenteditable]") && (!isTick || event.key === "Escape")) {
    if (event.key === "Escape" && !isAsked) target.blur();
    return;
  }
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key.length === 1) event.preventDefault(); // else Firefox searches the page by ' and /, and has the next keys
  if (isAsked || (isTick && leaves(key) && hasWords(target.form))) return;
  if (["Space", "Enter"].includes(key) && (isTick || target.closest("button, summary"))) return;
  if (key === "Enter" && target.closest("a[href]")) return;
  if (event.repeat && !["j", "k"].includes(key)) {
    if (key === "Space") event.preventDefault();
    return;
  }
  if (act(key)) event.preventDefault();
}

function act(key) {
  const move = MOVES[key] ?? (OF_A_CASE.includes(key) && document.getElementById("rows") ? () => openFor(key) : hot(key));
  move?.();
  return Boolean(move);
}

// Whether what a key does leads off this page, where nothing that is typed is kept.
function leaves(key) {
  if (key === "q") return true;
  if (document.getElementById("rows")) return OF_A_CASE.includes(key);
  return Boolean(hotOf(key)?.matches('a[href]:not([href^="#"], [href^="tel:"])'));
}

const hasWords = (form) => [...(form?.elements ?? [])].some((field) => field.matches(WORDS) && field.value.trim());

function openFor(key) {
  const row = selected() ?? rows()[0];
  if (!row) return;
  asked = { id: row.dataset.id, key };
  row.querySelector("a.open").click();
}

function goOn() {
  const id = document.getElementById("case")?.dataset.id;
  if (!asked || !id) return;
  const move = asked.id === id ? hot(asked.key) : null;
  asked = null;
  if (move) move();
  else say(words.notNow);
}

// What has a key of its own on this page: links are followed, folded orders are opened and their first field is ready.
function hot(key) {
  const note = key === "n" && document.getElementById("note-note");
  if (note) return () => note.focus();
  const node = hotOf(key);
  if (!node) return null;
  if (node.tagName !== "SUMMARY") return () => node.click();
  return () => {
    node.parentElement.open = true;
    node.parentElement.querySelector("textarea, select, input:not([type=hidden]), button").focus();
  };
}

const hotOf = (key) => (/^[a-z0-9]$/.test(key) ? document.querySelector(`#main [data-hot="${key}"]`) : null);

const rows = () => [...document.querySelectorAll("#rows > .case:not([hidden], .gone)")];

const MOVES = {
  Space: acknowledge,
  Enter: () => (selected() ?? rows()[0])?.querySelector("a.open").click(),
  j: () => select(1),
  k: () => select(-1),
  "/": () => document.getElementById("search")?.focus(),
  q: () => document.querySelector('#nav a[href="/queue"]').click(),
  "?": () => document.getElementById("help").showModal(),
};

function acknowledge() {
  const form = document.querySelector('#rows > .case[data-state="OPEN"]:not([hidden]) form.ack, #case-head form.ack');
  if (!form || performance.now() - ackedAt < ACK_PAUSE_MS) return;
  ackedAt = performance.now();
  form.requestSubmit();
}

function select(step) {
  const all = rows();
  const place = all.indexOf(selected());
  const next = place < 0 ? all.at(step > 0 ? 0 : -1) : all[place + step];
  if (next) focusOn(next);
}
