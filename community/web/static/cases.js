// The open cases as the server sees them now. Read again after every bell; never computed here.
import { oneAtATime } from "./again.js";
import { bus, isOutdated } from "./bus.js";

export const cases = new EventTarget();

export const readCases = oneAtATime(() => readOnce());

// All that somebody must hear of, whatever is drawn, searched for or filtered: `id:priority`, with `:120` at the end of
// a ladder, the most urgent first. Null: this page does not say.
export function waitingOn(root) {
  const listed = root.getElementById("waiting")?.value;
  if (listed === undefined) return null;
  return listed.split(" ").filter(Boolean).map((one) => {
    const [id, priority, call120] = one.split(":");
    const row = root.getElementById(`case-${id}`) ?? document.getElementById(`case-${id}`);
    // At the end of its ladder a case rings as a life until somebody acts.
    return { name: one, priority: call120 ? "P1" : priority, say: row?.dataset.say ?? "" };
  });
}

let elsewhere = ""; // the mark of what was read last by a page that has no list

// What is searched for and chosen on this page stays so. Rows that it has are not sent again.
function address(list) {
  const asked = new URLSearchParams({ part: "live" });
  const { find, show, drawn = "" } = list?.dataset ?? { drawn: elsewhere };
  if (find) asked.set("find", find);
  if (show && show !== "all") asked.set("show", show);
  if (drawn) asked.set("since", drawn);
  if (list) asked.set("at", "queue"); // which shows no strip
  return `/queue?${asked}`;
}

// Where the server sends all rows (it knows no mark of before its restart), only the opening tag is read of those that
// stand on this page as they are: to parse thousands of them whole would keep the page from answering.
function lightened(text) {
  return text.replace(/<li class="case [^]*?<\/li>/g, (row) => {
    const tag = row.slice(0, row.indexOf(">") + 1);
    const present = document.getElementById(/ id="([^"]*)"/.exec(tag)[1]);
    const isHere = present && !present.classList.contains("gone");
    return isHere && present.dataset.stamp === / data-stamp="([^"]*)"/.exec(tag)[1] ? `${tag}</li>` : row;
  });
}

async function readOnce() {
  const list = document.getElementById("rows");
  let response;
  try {
    response = await fetch(address(list), {
      headers: { "HX-Request-Type": "partial" },
      signal: AbortSignal.timeout(8000),
    });
  } catch {
    return; // no network: the bus says so
  }
  if (response.status === 401) cases.dispatchEvent(new Event("signed-out"));
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(lightened(await response.text()), "text/html");
  if (!list) elsewhere = page.getElementById("rows")?.dataset.drawn ?? "";
  cases.dispatchEvent(new CustomEvent("read", { detail: { page, list, waiting: waitingOn(page) ?? [] } }));
}

document.addEventListener("htmx:after:swap", () => {
  const drawn = document.getElementById("rows") ?? document.getElementById("strip");
  if (drawn && isOutdated(drawn.dataset.seq)) readCases(); // it rang while this page was on its way
});
for (const kind of ["bell", "missed", "poll"]) bus.addEventListener(kind, readCases);
