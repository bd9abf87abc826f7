// What matters of the selected row, beside the queue. It is asked for when the selection rests: whoever only passes over
// rows has not looked at the cases, and the server writes each look down.
import { cases } from "./cases.js";
import { selected, selection } from "./selection.js";

const RESTS_MS = 300;

let shownStamp = "";
let resting = 0;
let asking = null;

export function startPreview() {
  selection.addEventListener("change", () => {
    clearTimeout(resting);
    resting = setTimeout(show, RESTS_MS);
  });
  cases.addEventListener("shown", () => {
    if (shownStamp && stampOf(selected()) !== shownStamp) show();
  });
  document.addEventListener("htmx:after:swap", () => {
    if (document.getElementById("preview-of")?.querySelector("article")) return;
    shownStamp = "";
    if (selected()) show();
  });
}

const stampOf = (row) => (row ? `${row.dataset.id} ${row.dataset.stamp}` : "");

async function show() {
  const row = selected();
  const place = document.getElementById("preview-of");
  if (!row || !place?.checkVisibility()) return;
  const stamp = stampOf(row);
  asking?.abort();
  asking = new AbortController();
  let text;
  try {
    const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(8000)]);
    const answer = await fetch(`/incidents/${row.dataset.id}/preview`, { signal });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // another row is selected by now, or there is no network: the bus says so
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("article");
  if (!fresh || !place.isConnected) return;
  shownStamp = stamp;
  place.replaceChildren(document.importNode(fresh, true));
  htmx.process(place);
}
