// The wallboard in the browser. Nobody sits at it, so it must say by itself when it cannot be believed, and it must run
// for months: one node is put in the place of another, and nothing is kept.
import { oneAtATime } from "./again.js";
import { localDayTime, seconds, serverNow, setServerNow } from "./clock.js";
import { bus, listen } from "./bus.js";
import { words } from "./words.js";

const POLL_MS = 2_000; // what no bell tells of: silence, batteries, people who come and go
const STALE_MS = 10_000;
const TIMEOUT_MS = 8_000;

let readAt = performance.now();
let askedAt = performance.now();
const refresh = oneAtATime(() => refreshOnce());
let isSignedOut = false;

const byId = (id) => document.getElementById(id);

if ("live" in document.body.dataset) {
  for (const kind of ["bell", "missed", "poll"]) bus.addEventListener(kind, refresh);
  listen();
}
if ("stream" in document.body.dataset) hearNews();
seconds.addEventListener("second", everySecond);
everySecond();

function everySecond() {
  byId("wall-day").textContent = localDayTime(serverNow()).slice(0, 5);
  const quiet = performance.now() - readAt;
  const isOld = isSignedOut || quiet > STALE_MS;
  const bar = byId("wall-stale");
  bar.hidden = !isOld;
  document.body.classList.toggle("old", isOld);
  byId("wall-state").hidden = isOld;
  if (isOld) bar.textContent = isSignedOut ? words.signedOut : `${words.stale} ${Math.floor(quiet / 1000)} ${words.seconds}`;
  if (performance.now() - askedAt >= POLL_MS) refresh();
}

// Whoever may not hear the bus of the desk hears that something has happened, and asks what. The browser comes again by
// itself after a loss, but not after a refusal; the wall asks every two seconds then.
function hearNews() {
  const news = new EventSource("/wall/events");
  news.addEventListener("news", refresh);
}

async function refreshOnce() {
  askedAt = performance.now();
  let text;
  try {
    const answer = await fetch("/wall?part=live", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    isSignedOut = answer.status === 401 || answer.status === 403;
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // its age says so
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("wall");
  if (!fresh) return;
  readAt = performance.now();
  setServerNow(fresh.dataset.now);
  byId("wall").replaceWith(document.importNode(fresh, true));
}
