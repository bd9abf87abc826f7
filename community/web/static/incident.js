// Keeps an open case's page true. What the operator is typing is never touched: the server then refuses his order as
// too old and shows him the new state with his words.
import { oneAtATime } from "./again.js";
import "./ago.js";
import { bus, isOutdated } from "./bus.js";
import { startKeySafe } from "./key_safe.js";
import { startScript, takeOwnSteps } from "./script.js";
import { refreshMeasures } from "./vitals.js";

const refresh = oneAtATime(async () => {
  if (shown()) await refreshOnce(shown());
});

export function startIncident() {
  bus.addEventListener("bell", ({ detail }) => {
    if (String(detail.incident) === shown()?.dataset.id) refresh();
  });
  for (const kind of ["missed", "poll"]) bus.addEventListener(kind, refresh);
  bus.addEventListener("word", ({ detail }) => {
    if (detail.event !== "ping" || document.visibilityState !== "visible") return;
    refreshCalls();
    refreshMeasures(shown());
  });
  document.addEventListener("htmx:after:swap", () => {
    if (shown() && isOutdated(shown().dataset.seq)) refresh(); // it rang while this page was on its way
  });
  document.addEventListener("error", ({ target }) => {
    if (target.matches?.(".portrait img")) target.remove(); // the initials below it stay
  }, true);
  startScript();
  startKeySafe();
}

const shown = () => document.getElementById("case");

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
  const isOwn = takeOwnSteps(Number(fresh.dataset.version) - Number(present.dataset.version));
  for (const part of fresh.querySelectorAll("[data-live-part]")) {
    const here = document.getElementById(part.id);
    if (!isTyping(here)) replace(part);
    else if (isOwn) setVersion(here, fresh.dataset.version);
    else document.getElementById("case-changed").hidden = false;
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

// What changed is what he ticked himself: the order that he is writing is about the case as he knows it.
function setVersion(part, version) {
  for (const field of part.querySelectorAll("input[name=version]")) field.value = version;
}

// Calls are tried and answered without a step of the case: no bell tells of it.
async function refreshCalls() {
  if (!document.getElementById("calls")) return;
  let text;
  try {
    const answer = await fetch(`/incidents/${shown().dataset.id}/calls`, { signal: AbortSignal.timeout(4000) });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // no network: the bus says so
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const id of ["pending", "calls"]) {
    const [present, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (present && fresh && fresh.innerHTML.trim() !== present.innerHTML.trim()) {
      present.replaceChildren(...document.importNode(fresh, true).childNodes);
    }
  }
}

function replace(part) {
  const present = document.getElementById(part.id);
  if (!present) return reload(part);
  const open = [...present.querySelectorAll("details")].map((details) => details.open);
  const way = wayTo(present);
  const { scrollTop } = present;
  const said = present.querySelector(".saved")?.textContent;
  const node = document.importNode(part, true);
  node.querySelectorAll("details").forEach((details, place) => { details.open = open[place] ?? details.open; });
  present.replaceWith(node);
  htmx.process(node);
  node.scrollTop = scrollTop;
  if (said) node.querySelector(".saved")?.append(said);
  if (way) node.querySelector(way)?.focus({ preventScroll: true });
}

// How to find again what has the focus, in the part that comes in its place.
function wayTo(part) {
  const { activeElement: at } = document;
  if (!at || at === part || !part.contains(at)) return null;
  if (at.id) return `#${CSS.escape(at.id)}`;
  if (at.name) return `[name="${CSS.escape(at.name)}"]${at.type === "radio" ? `[value="${CSS.escape(at.value)}"]` : ""}`;
  return at.dataset.hot ? `[data-hot="${CSS.escape(at.dataset.hot)}"]` : null;
}

// A part that this page did not have yet: it comes before the one that follows it.
function reload(part) {
  const next = part.nextElementSibling && document.getElementById(part.nextElementSibling.id);
  next?.before(document.importNode(part, true));
}
