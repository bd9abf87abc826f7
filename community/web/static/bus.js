// The alarm bus. Browsers allow about six HTTP/1.1 connections to one server over all tabs, so all tabs of a browser
// share one stream. Three ways, the best first:
//
// 1. a shared worker holds it (stream.js);
// 2. one tab holds it (a Web Lock, which passes on when that tab closes) and tells the others;
// 3. each tab holds its own (no Web Locks: they need HTTPS or localhost), and an operator should keep to four tabs.
//
// Events: `bell` (something happened), `missed` (read the queue again), `poll` (no connection: read it every 5 s),
// `word` (the server spoke), `alive`, `stale`.
import { seconds, setServerNow } from "./clock.js";
import { Line, POLL_MS, STALE_MS, counted } from "./line.js";

const CHANNEL = "shouwang-alarms";
const MISSED_BEATS = 10; // counted in ticks, not in time: a computer that slept has not missed any

export const bus = new EventTarget();

let seen = Number(document.body.dataset.seq);
let heardAt = performance.now();
let polledAt = -Infinity;
let isStale = false;
let line = null;
let worker = null;
let beatless = 0;

export function silence() {
  return performance.now() - heardAt;
}

// Whether something has happened that a page with this sequence cannot show.
export function isOutdated(seq) {
  return seen > Number(seq);
}

export function listen() {
  seconds.addEventListener("second", watch);
  addEventListener("pagehide", () => worker?.port.postMessage({ kind: "bye" }));
  addEventListener("pageshow", ({ persisted }) => persisted && comeBack());
  document.addEventListener("resume", comeBack); // the browser had frozen this tab
  if (!share()) takeTurns();
  if (!document.getElementById("rows")) emit("missed"); // what waits is on no page but the queue's
}

function share() {
  if (!window.SharedWorker) return false;
  try {
    worker = new SharedWorker(new URL("./stream.js", import.meta.url), { type: "module", name: CHANNEL });
  } catch {
    return false;
  }
  worker.onerror = giveUpSharing;
  worker.port.onmessage = ({ data }) => (data.event === "beat" ? takeBeat(data) : hear(data));
  worker.port.postMessage({ kind: "hello", seq: seen });
  return true;
}

function giveUpSharing() {
  if (!worker) return;
  worker.port.postMessage({ kind: "bye" });
  worker.port.close();
  worker = null;
  takeTurns();
}

function takeBeat({ seq, silence: quiet }) {
  beatless = 0;
  if (quiet < silence()) heardAt = performance.now() - quiet;
  if (seq > seen) {
    seen = seq;
    emit("missed");
  }
}

function takeTurns() {
  const others = new BroadcastChannel(CHANNEL);
  others.onmessage = ({ data }) => hear(data);
  const lead = () => {
    line = new Line(seen, (message) => {
      others.postMessage(message);
      hear(message);
    });
    line.open();
  };
  if (!navigator.locks) return lead();
  navigator.locks.request(CHANNEL, () => {
    lead();
    return new Promise(() => {}); // until this tab closes
  });
  emit("missed"); // what the leading tab told before this one listened
}

function comeBack() {
  worker?.port.postMessage({ kind: "hello", seq: seen });
  emit("missed");
}

function hear(message) {
  heardAt = performance.now();
  beatless = 0;
  if (isStale) {
    isStale = false;
    emit("alive");
  }
  const isNew = message.seq > seen;
  seen = counted(seen, message);
  if (message.event === "ping") setServerNow(message.now);
  if (message.event === "bell" && isNew) emit("bell", message);
  else if (message.event === "resync" || isNew) emit("missed");
  emit("word", message);
}

function watch() {
  line?.look();
  if (worker && ++beatless > MISSED_BEATS) giveUpSharing();
  if (silence() < STALE_MS) return;
  if (!isStale) {
    isStale = true;
    emit("stale");
  }
  if (performance.now() - polledAt < POLL_MS) return;
  polledAt = performance.now();
  emit("poll");
}

function emit(kind, detail) {
  bus.dispatchEvent(new CustomEvent(kind, { detail }));
}
