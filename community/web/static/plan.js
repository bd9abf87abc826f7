// Keeps the plan true while somebody looks at it. Only what has changed is put in anew, so that nothing jumps, the focus
// stays on its door, and a click meets what it was meant for.
import { oneAtATime } from "./again.js";
import { bus } from "./bus.js";

const refresh = oneAtATime(async () => {
  if (shown()) await refreshOnce(shown());
});

export function startPlan() {
  for (const kind of ["bell", "missed", "poll"]) bus.addEventListener(kind, refresh);
  bus.addEventListener("word", ({ detail }) => {
    if (detail.event === "ping" && document.visibilityState === "visible") refresh(); // silence rings no bell
  });
  document.addEventListener("click", follow);
  document.addEventListener("htmx:after:swap", showMarked);
  showMarked();
}

// On a telephone the door that is looked for may lie beside the screen.
function showMarked() {
  const door = document.querySelector(".plan-scroll .marked");
  const frame = door?.closest(".plan-scroll");
  if (!frame || frame.dataset.seen) return;
  frame.dataset.seen = "yes";
  const [inner, outer] = [door.getBoundingClientRect(), frame.getBoundingClientRect()];
  frame.scrollBy(inner.left + inner.width / 2 - outer.left - outer.width / 2, inner.top + inner.height / 2 - outer.top - outer.height / 2);
}

const shown = () => document.getElementById("plan-live");

async function refreshOnce(present) {
  let text;
  try {
    const answer = await fetch(present.dataset.address, { signal: AbortSignal.timeout(8000) });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // no network: the bus says so
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("plan-live");
  if (!fresh || !present.isConnected) return;
  adopt(present, fresh);
  document.dispatchEvent(new Event("plan:drawn"));
}

const parts = (of) => [...of.querySelectorAll("[data-stamp]")];
const names = (of) => parts(of).map((part) => part.id).join(" ");

function adopt(present, fresh) {
  if (names(present) !== names(fresh)) return replaceWhole(present, fresh);
  replace(present.querySelector(".plan-legend"), fresh.querySelector(".plan-legend"));
  for (const part of parts(fresh)) {
    const old = document.getElementById(part.id);
    if (old.dataset.stamp !== part.dataset.stamp) replace(old, part);
  }
}

// Homes have come or gone: all is drawn anew, at the place to which somebody had scrolled.
function replaceWhole(present, fresh) {
  const scroll = present.querySelector(".plan-scroll");
  const at = [scroll?.scrollLeft ?? 0, scroll?.scrollTop ?? 0];
  const isOpen = present.querySelector(".plan-list")?.open;
  const node = replace(present, fresh);
  node.querySelector(".plan-scroll")?.scrollTo(...at);
  const list = node.querySelector(".plan-list");
  if (list && isOpen !== undefined) list.open = isOpen;
}

function replace(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const node = document.importNode(part, true);
  old.replaceWith(node);
  htmx.process(node);
  if (focused) (focused.id ? document.getElementById(focused.id) : node.querySelector("a"))?.focus({ preventScroll: true });
  return node;
}

// htmx knows no links inside a drawing or a map: a page that is loaded whole would lose the sound of the shift.
function follow(event) {
  const door = event.target.closest("a.door, a.map-mark");
  if (!door || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const link = document.createElement("a");
  link.href = door.getAttribute("href");
  link.hidden = true;
  document.getElementById("main").append(link);
  htmx.process(link);
  link.click();
  link.remove();
}
