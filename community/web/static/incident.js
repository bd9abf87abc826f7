// Keeps an open case's page true. What the operator is typing is never touched: the server then refuses his order as
// too old and shows him the new state with his words.
import { bus, isOutdated } from "./bus.js";

let reading = false;
let again = false;

export function startIncident() {
  bus.addEventListener("bell", ({ detail }) => {
    if (String(detail.incident) === shown()?.dataset.id) refresh();
  });
  for (const kind of ["missed", "poll"]) bus.addEventListener(kind, refresh);
  document.addEventListener("htmx:after:swap", () => {
    if (shown() && isOutdated(shown().dataset.seq)) refresh(); // it rang while this page was on its way
  });
}

const shown = () => document.getElementById("case");

async function refresh() {
  again = true;
  if (reading) return;
  reading = true;
  try {
    while (again && shown()) {
      again = false;
      await refreshOnce(shown());
    }
  } finally {
    reading = false;
  }
}

async function refreshOnce(present) {
  let text;
  try {
    const response = await fetch(`/incidents/${present.dataset.id}`, { signal: AbortSignal.timeout(8000) });
    if (!response.ok) return;
    text = await response.text();
  } catch {
    return; // no network: the bus says so
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("case");
  if (!fresh || shown() !== present) return;
  present.dataset.seq = fresh.dataset.seq;
  if (fresh.dataset.version === present.dataset.version) return;
  for (const part of fresh.querySelectorAll("[data-live-part]")) {
    if (part.id === "actions" && isTyping()) document.getElementById("case-changed").hidden = false;
    else replace(part);
  }
  present.dataset.version = fresh.dataset.version;
  present.dataset.state = fresh.dataset.state;
}

function isTyping() {
  const actions = document.getElementById("actions");
  const isFilled = [...actions.querySelectorAll("textarea")].some((area) => area.value.trim());
  return isFilled || actions.querySelector("input:checked") || actions.querySelector("textarea:focus");
}

function replace(part) {
  const present = document.getElementById(part.id);
  const open = [...present.querySelectorAll("details")].map((details) => details.open);
  const node = document.importNode(part, true);
  node.querySelectorAll("details").forEach((details, place) => { details.open = open[place] ?? details.open; });
  present.replaceWith(node);
  htmx.process(node);
}
