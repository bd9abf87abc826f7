// The ring. Tones are laid on the audio clock when a message comes in, so a hidden tab rings on time.
// One tab of a browser rings (bell.js).
//
// Pulses and pauses after IEC 60601-1-8, table 3 and 4: high priority two groups of five, repeated after 2.5-15 s;
// medium three, after 2.5-30 s; low one, not repeated.
import { bell, expectRing, hasRung, isBell, stand } from "./bell.js";
import { seconds } from "./clock.js";

const PATTERNS = {
  P1: { tones: [0, 0.2, 0.4, 0.75, 0.95, 1.6, 1.8, 2.0, 2.35, 2.55], hertz: 880, length: 0.15 },
  P2: { tones: [0, 0.35, 0.7], hertz: 660, length: 0.22 },
  P3: { tones: [0], hertz: 440, length: 0.25 },
  P4: { tones: [0], hertz: 392, length: 0.25 },
  stale: { tones: [0, 0.5], hertz: 220, length: 0.4 },
  test: { tones: [0, 0.3, 0.6], hertz: 660, length: 0.22 },
};
const LOUDNESS = 0.5;
const STUCK_TICKS = 3; // seconds in which a sound that runs must go on: a loudspeaker that is unplugged says nothing

export const sound = new EventTarget();

let context = null;
let heardUpTo = -1;
let watchedAt = 0;
let stuck = 0;

seconds.addEventListener("second", watch);
bell.addEventListener("owed", ({ detail }) => ringNow(detail));

// Whether this tab can be heard, as far as a browser knows.
export function isOn() {
  return context?.state === "running" && stuck < STUCK_TICKS;
}

// Why it cannot be; empty: it can.
export function whyMute() {
  if (isOn()) return "";
  if (!context) return "asleep";
  if (context.state === "running") return "stuck";
  return context.state === "closed" ? "closed" : "suspended";
}

// Must be called from a key press or click: browsers keep audio off until then.
export async function unlock() {
  if (!context) {
    context = new AudioContext();
    context.addEventListener("statechange", changed);
  }
  await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 500))]);
  changed();
  return isOn();
}

export function play(name) {
  if (name === "test" || isBell()) ringNow(name);
  else expectRing(name);
}

function ringNow(name) {
  if (!isOn()) return;
  const { tones, hertz, length } = PATTERNS[name];
  const start = context.currentTime + 0.02;
  for (const offset of tones) tone(start + offset, hertz, length);
  if (name !== "test") hasRung(name);
  sound.dispatchEvent(new CustomEvent("played", { detail: name }));
}

function watch() {
  if (performance.now() - watchedAt < 500) return; // ticks that waited for a busy page come all at once
  watchedAt = performance.now();
  const was = isOn();
  stuck = context?.state === "running" && context.currentTime === heardUpTo ? stuck + 1 : 0;
  heardUpTo = context?.currentTime ?? -1;
  if (was !== isOn()) changed();
}

function changed() {
  stand(isOn());
  sound.dispatchEvent(new Event("change"));
}

function tone(start, hertz, length) {
  const gain = context.createGain();
  gain.connect(context.destination);
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.015);
  gain.gain.setValueAtTime(LOUDNESS, start + length - 0.03);
  gain.gain.linearRampToValueAtTime(0, start + length);
  // Old ears lose high tones first, small loudspeakers low ones: a fundamental with harmonics serves both.
  for (const [multiple, share] of [[1, 0.6], [2, 0.25], [3, 0.15]]) {
    const oscillator = context.createOscillator();
    const part = context.createGain();
    part.gain.value = share;
    oscillator.frequency.value = hertz * multiple;
    oscillator.connect(part).connect(gain);
    oscillator.start(start);
    oscillator.stop(start + length);
  }
}
