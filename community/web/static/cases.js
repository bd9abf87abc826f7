// The open cases as the server sees them now. Read again after every bell; never computed here.
import { bus, isOutdated } from "./bus.js";

export const cases = new EventTarget();

let reading = false;
let again = false;

export function listOf(root) {
  return [...root.querySelectorAll("#rows > .case")].map((node) => ({
    id: node.dataset.id,
    priority: node.dataset.priority,
    state: node.dataset.state,
    call120: "call120" in node.dataset,
    say: node.dataset.say,
    node,
  }));
}

export async function readCases() {
  again = true;
  if (reading) return;
  reading = true;
  try {
    while (again) {
      again = false;
      await readOnce();
    }
  } finally {
    reading = false;
  }
}

// What somebody searched for on the server stays searched for.
function address() {
  const find = document.getElementById("search")?.defaultValue ?? "";
  return `/queue?part=live${find ? `&find=${encodeURIComponent(find)}` : ""}`;
}

async function readOnce() {
  let response;
  try {
    response = await fetch(address(), {
      headers: { "HX-Request-Type": "partial" },
      signal: AbortSignal.timeout(8000),
    });
  } catch {
    return; // no network: the bus says so
  }
  if (response.status === 401) cases.dispatchEvent(new Event("signed-out"));
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  cases.dispatchEvent(new CustomEvent("read", { detail: { page, list: listOf(page) } }));
}

document.addEventListener("htmx:after:swap", () => {
  const rows = document.getElementById("rows");
  if (rows && isOutdated(rows.dataset.seq)) readCases(); // it rang while this page was on its way
});
for (const kind of ["bell", "missed", "poll"]) bus.addEventListener(kind, readCases);
