// From a bell to a person: ring, title, notification, spoken words; and the shift's begin with a heard test tone.
import { bus } from "./bus.js";
import { cases, listOf } from "./cases.js";
import { seconds } from "./clock.js";
import { isOn, play, sound, unlock } from "./sound.js";
import { say, words } from "./words.js";

const REPEAT_MS = { P1: 10_000, P2: 30_000 }; // within IEC 60601-1-8's pauses
const STALE_REPEAT_MS = 30_000;
const ON_SHIFT = "on-shift";

// A case whose ladder has come to its last word rings as a life until somebody acts, whatever its state is.
const rings = (row) => row.state === "OPEN" || row.call120;
const loudness = (row) => (row.call120 ? "P1" : row.priority);
const names = (row) => (row.call120 ? `${row.id} 120` : row.id);

let waiting = listOf(document).filter(rings);
const announced = new Set(waiting.map(names));
const rungAt = new Map();
let title = document.title;
let isTitleLit = false;

export function startShift() {
  const button = document.getElementById("sound");
  const check = document.getElementById("sound-check");
  button.addEventListener("click", begin);
  check.addEventListener("click", ({ target }) => {
    if (target.dataset.heard === "again") play("test");
    if (target.dataset.heard !== "yes") return;
    sessionStorage.setItem(ON_SHIFT, "yes");
    check.close();
    showSound();
  });
  check.addEventListener("close", () => document.activeElement?.blur());
  sound.addEventListener("change", showSound);
  bus.addEventListener("bell", ({ detail }) => ringFor(detail));
  bus.addEventListener("word", repeat);
  bus.addEventListener("stale", () => ring("stale"));
  cases.addEventListener("read", ({ detail }) => takeIn(detail.list));
  seconds.addEventListener("second", lightTitle);
  seconds.addEventListener("second", repeatStale);
  document.addEventListener("htmx:after:swap", () => setTimeout(() => { title = document.title; }));
  if (sessionStorage.getItem(ON_SHIFT)) wake();
  showSound();
}

async function begin() {
  await unlock();
  if (window.Notification?.permission === "default") Notification.requestPermission();
  play("test");
  document.getElementById("sound-check").showModal();
}

// After a full page load the shift goes on: at once where the browser allows it, else with the next key or click.
async function wake() {
  if (await unlock()) return;
  const retry = async () => {
    if (!(await unlock())) return;
    for (const kind of ["pointerdown", "keydown"]) document.removeEventListener(kind, retry);
  };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, retry);
}

function showSound() {
  const button = document.getElementById("sound");
  const isOnShift = sessionStorage.getItem(ON_SHIFT) === "yes";
  button.classList.toggle("off", !(isOn() && isOnShift));
  button.textContent = !isOnShift ? words.soundOff : isOn() ? words.soundOn : words.soundAsleep;
}

function ringFor(bell) {
  if (!["opened", "alert"].includes(bell.kind) || bell.state !== "OPEN") return;
  ring(bell.priority);
  if (document.hidden) notify(bell);
}

function ring(name) {
  rungAt.set(name, performance.now());
  play(name);
}

// The first reading after a gap may hold cases that no bell told of.
function takeIn(list) {
  waiting = list.filter(rings);
  const fresh = waiting.filter((row) => !announced.has(names(row)));
  for (const row of fresh) announced.add(names(row));
  for (const row of fresh) say(row.say, { urgent: loudness(row) === "P1" });
  const [first] = fresh.map(loudness).sort();
  if (first && silenceOf(first) > 3000) ring(first);
}

function repeat() {
  const [first] = waiting.map(loudness).sort();
  if (first in REPEAT_MS && silenceOf(first) >= REPEAT_MS[first]) ring(first);
}

function repeatStale() {
  const isStale = !document.getElementById("stale").hidden;
  if (isStale && silenceOf("stale") > STALE_REPEAT_MS) ring("stale");
}

function silenceOf(name) {
  return performance.now() - (rungAt.get(name) ?? -Infinity);
}

// No names: a notification may show on a locked screen.
function notify(bell) {
  if (window.Notification?.permission !== "granted") return;
  const notice = new Notification(`${words[bell.priority]}: ${words.notice}`, {
    tag: `case-${bell.incident}`,
    requireInteraction: bell.priority === "P1",
  });
  notice.onclick = () => window.focus();
}

function lightTitle() {
  if (!waiting.length && !isTitleLit) return;
  const [first] = waiting.map(loudness).sort();
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  isTitleLit = Boolean(waiting.length) && (isStill || !isTitleLit);
  document.title = isTitleLit ? `${words[first]} ${waiting.length} · ${words.waiting}` : title;
}
