// The alarm bus. Native EventSource: a library's connection that pauses in hidden tabs would lose the ring.
//
// Browsers allow about six HTTP/1.1 connections to one server over all tabs, so only one tab holds the stream (a Web
// Lock, which passes on when that tab closes) and tells the others. Web Locks need HTTPS or localhost; without them
// each tab holds its own stream, and an operator should keep to four tabs.
//
// Events: `bell` (something happened), `missed` (read the queue again), `poll` (no connection: read it every 5 s),
// `alive`, `stale`.
import { seconds, setServerNow } from "./clock.js";

const STALE_MS = 10_000;
const POLL_MS = 5_000;
const KINDS = ["bell", "ping", "resync"];
const CHANNEL = "shouwang-alarms";

export const bus = new EventTarget();

const others = new BroadcastChannel(CHANNEL);
let seen = Number(document.body.dataset.seq);
let heardAt = performance.now();
let triedAt = 0;
let isStale = false;
let source = null;
let leads = false;

export function silence() {
  return performance.now() - heardAt;
}

// Whether something has happened that a page with this sequence cannot show.
export function isOutdated(seq) {
  return seen > Number(seq);
}

export function listen() {
  others.onmessage = ({ data }) => hear(data);
  seconds.addEventListener("second", watch);
  if (!navigator.locks) return lead();
  navigator.locks.request(CHANNEL, () => {
    lead();
    return new Promise(() => {}); // until this tab closes
  });
  emit("missed"); // what the leading tab told before this one listened
}

function lead() {
  leads = true;
  connect();
}

function connect() {
  source?.close();
  triedAt = performance.now();
  source = new EventSource(`/events?after=${seen}`);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const message = { ...JSON.parse(event.data), event: kind };
      others.postMessage(message);
      hear(message);
    });
  }
}

function hear(message) {
  heardAt = performance.now();
  if (isStale) {
    isStale = false;
    emit("alive");
  }
  const isNew = message.seq > seen;
  seen = Math.max(seen, message.seq);
  if (message.event === "ping") setServerNow(message.now);
  if (message.event === "bell" && isNew) emit("bell", message);
  else if (message.event === "resync" || isNew) emit("missed");
  emit("word", message);
}

function watch() {
  if (silence() < STALE_MS) return;
  if (!isStale) {
    isStale = true;
    emit("stale");
  }
  if (performance.now() - triedAt < POLL_MS + Math.random() * 1000) return;
  emit("poll");
  if (leads) connect(); // also where the browser has not noticed that the line is dead
  triedAt = performance.now();
}

function emit(kind, detail) {
  bus.dispatchEvent(new CustomEvent(kind, { detail }));
}
