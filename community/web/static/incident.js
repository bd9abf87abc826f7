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
  bus.addEventListener("word", ({ detail }) => {
    if (detail.event === "ping" && document.visibilityState === "visible") refreshCalls();
  });
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
    if (isTyping(document.getElementById(part.id))) document.getElementById("case-changed").hidden = false;
    else replace(part);
  }
  present.dataset.version = fresh.dataset.version;
  present.dataset.state = fresh.dataset.state;
}

// Whether somebody is at work in this part: it holds words, or a choice that the server does not know.
function isTyping(part) {
  if (!part) return false;
  const isFilled = [...part.querySelectorAll("textarea")].some((area) => area.value.trim());
  const isChosen = [...part.querySelectorAll("input")].some((field) => field.checked !== field.defaultChecked);
  return isFilled || isChosen || part.querySelector("textarea:focus, select:focus");
}

// Calls are tried and answered without a step of the case: no bell tells of it.
async function refreshCalls() {
  const present = document.getElementById("calls");
  if (!present) return;
  let text;
  try {
    const answer = await fetch(`/incidents/${shown().dataset.id}/calls`, { signal: AbortSignal.timeout(4000) });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // no network: the bus says so
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
  if (fresh && present.isConnected && fresh.outerHTML !== present.firstElementChild?.outerHTML) {
    present.replaceChildren(document.importNode(fresh, true));
  }
}

function replace(part) {
  const present = document.getElementById(part.id);
  if (!present) return reload(part);
  const open = [...present.querySelectorAll("details")].map((details) => details.open);
  const node = document.importNode(part, true);
  node.querySelectorAll("details").forEach((details, place) => { details.open = open[place] ?? details.open; });
  present.replaceWith(node);
  htmx.process(node);
}

// A part that this page did not have yet: it comes before the one that follows it.
function reload(part) {
  const next = part.nextElementSibling && document.getElementById(part.nextElementSibling.id);
  next?.before(document.importNode(part, true));
}
