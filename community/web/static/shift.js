// From a bell to a person: ring, title, notification, spoken words; and the shift's begin with a heard test tone.
import { bell, isBell, isHeld } from "./bell.js";
import { bus } from "./bus.js";
import { cases, waitingOn } from "./cases.js";
import { seconds } from "./clock.js";
import { expectHeard } from "./heard.js";
import { isOn, play, sound, unlock } from "./sound.js";
import { say, words } from "./words.js";

const REPEAT_MS = { P1: 10_000, P2: 30_000 }; // within IEC 60601-1-8's pauses
const STALE_REPEAT_MS = 30_000;
const JUST_RUNG_MS = 3_000; // the bell came first, then the reading that holds the same case
const MUTE_TICKS = 3; // a page that was just loaded has its sound again, or another tab has taken over
const SPOKEN = 3; // cases by name; more of them at once are a number

// Of the browser, not of the tab: which session has heard the test tone, and which cases somebody was told of.
const ON_SHIFT = "on-shift";
const TOLD = "told";
const { shift } = document.body.dataset;

let waiting = waitingOn(document) ?? [];
let told = new Set(read(TOLD));
const rungAt = new Map();
let title = document.title;
let isTitleLit = false;
let muteTicks = 0;
let unheard = null; // the most urgent ring for which no tab had a sound
let isToneOwed = false; // Firefox may need more than a second for its first sound

export function startShift() {
  const check = document.getElementById("sound-check");
  for (const id of ["sound", "mute"]) document.getElementById(id).addEventListener("click", begin);
  check.addEventListener("click", ({ target }) => {
    if (target.dataset.heard === "again") playTone();
    if (target.dataset.heard !== "yes") return;
    write(ON_SHIFT, shift);
    check.close();
    showSound();
  });
  check.addEventListener("close", () => {
    isToneOwed = false;
    document.activeElement?.blur();
  });
  sound.addEventListener("change", () => isToneOwed && isOn() && playTone());
  for (const one of [sound, bell]) {
    one.addEventListener("change", showSound);
    one.addEventListener("change", ringUnheard);
  }
  addEventListener("storage", showSound); // another tab has begun the shift
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake);
  bus.addEventListener("bell", ({ detail }) => ringFor(detail));
  bus.addEventListener("word", repeat);
  bus.addEventListener("stale", () => ring("stale"));
  cases.addEventListener("read", ({ detail }) => takeIn(detail.waiting));
  for (const each of [lightTitle, repeatStale, watchSound]) seconds.addEventListener("second", each);
  document.addEventListener("htmx:after:swap", () => setTimeout(() => { title = document.title; }));
  startSound();
}

// After a full page load the shift goes on: at once where the browser allows it, else with the next key or click.
async function startSound() {
  showSound();
  await wake();
  if (waitingOn(document)) takeIn(waiting);
}

async function begin() {
  await unlock();
  if (window.Notification?.permission === "default") Notification.requestPermission();
  playTone();
  document.getElementById("sound-check").showModal();
}

function playTone() {
  isToneOwed = !isOn();
  play("test");
}

async function wake() {
  if (isOnShift() && !isOn()) await unlock();
}

function isOnShift() {
  return read(ON_SHIFT) === shift;
}

function showSound() {
  const button = document.getElementById("sound");
  const [text, isGood] = soundState();
  button.classList.toggle("off", !isGood);
  button.textContent = text;
  if (isGood || !isOnShift()) watchSound();
}

function soundState() {
  if (!isOnShift()) return [words.soundOff, false];
  if (isOn()) return [words.soundOn, true];
  return isHeld() ? [words.soundElsewhere, true] : [words.soundAsleep, false];
}

// On shift, and no tab of this browser can be heard: nobody may find that out by an alarm that he missed.
function watchSound() {
  const isMute = isOnShift() && !isOn() && !isHeld();
  muteTicks = isMute ? muteTicks + 1 : 0;
  const bar = document.getElementById("mute");
  const isLoud = muteTicks >= MUTE_TICKS;
  if (bar.hidden === !isLoud) return;
  bar.hidden = !isLoud;
  showSound();
  if (!isLoud) return;
  say(words.mute);
  notify("mute", words.mute, true);
}

function ringFor(rung) {
  if (!["opened", "alert"].includes(rung.kind) || rung.state !== "OPEN") return;
  if (isOnShift()) expectHeard({ ...rung, cause: rung.kind });
  ring(rung.priority);
  if (document.hidden) notify(`case-${rung.incident}`, sentenceOf(rung.priority), rung.priority === "P1");
}

function ring(name) {
  rungAt.set(name, performance.now());
  if (isOnShift() && name !== "stale" && !isOn() && !isHeld()) unheard = [name, unheard ?? name].sort()[0];
  play(name);
}

// The sound is back: what was told of meanwhile rings now, in one tab.
function ringUnheard() {
  if (!unheard || !isHeld()) return;
  const name = unheard;
  unheard = null;
  if (isBell()) ring(name);
}

// A reading may hold cases that no bell told of: what was opened while there was no line, or no page.
function takeIn(list) {
  waiting = list;
  const fresh = waiting.filter(({ name }) => !told.has(name));
  told = new Set(waiting.map(({ name }) => name));
  if (isOnShift()) write(TOLD, [...told]);
  if (!fresh.length) return;
  for (const isLife of [true, false]) speak(fresh.filter((one) => (one.priority === "P1") === isLife), isLife);
  if (isOnShift()) fresh.forEach(expectToHear);
  const first = loudest(fresh);
  if (silenceOf(first) <= JUST_RUNG_MS) return;
  ring(first);
  if (document.hidden) notify("cases", sentenceOf(first), first === "P1");
}

function expectToHear({ name, priority }) {
  const [incident, , call120] = name.split(":");
  expectHeard({ incident, cause: call120 ? "call120" : "seen", priority });
}

function speak(fresh, urgent) {
  if (!fresh.length) return;
  const said = fresh.slice(0, SPOKEN).map(({ priority, say: text }) => text || sentenceOf(priority));
  if (fresh.length > SPOKEN) said.push(`${words.fresh} ${fresh.length}`);
  say(said.join(" · "), { urgent });
}

function sentenceOf(priority) {
  return `${words[priority]}: ${words.notice}`;
}

function loudest(list) {
  return list.map(({ priority }) => priority).sort()[0];
}

function repeat() {
  const first = loudest(waiting);
  if (first in REPEAT_MS && silenceOf(first) >= REPEAT_MS[first]) ring(first);
}

function repeatStale() {
  const isStale = !document.getElementById("stale").hidden;
  if (isStale && silenceOf("stale") > STALE_REPEAT_MS) ring("stale");
}

function silenceOf(name) {
  return performance.now() - (rungAt.get(name) ?? -Infinity);
}

// No names: a notification may show on a locked screen. Tabs that tell the same replace each other's.
function notify(tag, text, stays) {
  if (window.Notification?.permission !== "granted") return;
  const notice = new Notification(text, { tag, requireInteraction: stays });
  notice.onclick = () => window.focus();
}

function lightTitle() {
  const isMute = !document.getElementById("mute").hidden;
  const isCalling = waiting.length > 0 || isMute;
  if (!isCalling && !isTitleLit) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  isTitleLit = isCalling && (isStill || !isTitleLit);
  const lit = isMute ? words.soundAsleep : `${words[loudest(waiting)]} ${waiting.length} · ${words.waiting}`;
  document.title = isTitleLit ? lit : title;
}

function read(key) {
  return JSON.parse(localStorage.getItem(key) ?? "null");
}

function write(key, value) {
  localStorage.setItem(key, JSON.stringify(value));
}
