// The ring. Tones are laid on the audio clock when a message comes in, so a hidden tab rings on time.
//
// Pulses and pauses after IEC 60601-1-8, table 3 and 4: high priority two groups of five, repeated after 2.5-15 s;
// medium three, after 2.5-30 s; low one, not repeated.
const PATTERNS = {
  P1: { tones: [0, 0.2, 0.4, 0.75, 0.95, 1.6, 1.8, 2.0, 2.35, 2.55], hertz: 880, length: 0.15 },
  P2: { tones: [0, 0.35, 0.7], hertz: 660, length: 0.22 },
  P3: { tones: [0], hertz: 440, length: 0.25 },
  P4: { tones: [0], hertz: 392, length: 0.25 },
  stale: { tones: [0, 0.5], hertz: 220, length: 0.4 },
  test: { tones: [0, 0.3, 0.6], hertz: 660, length: 0.22 },
};
const LOUDNESS = 0.5;

let context = null;
let isTheBell = !navigator.locks;

export const sound = new EventTarget();

export function isOn() {
  return context?.state === "running";
}

// Must be called from a key press or click: browsers keep audio off until then.
export async function unlock() {
  if (!context) {
    context = new AudioContext();
    context.addEventListener("statechange", () => sound.dispatchEvent(new Event("change")));
    // One tab rings, not each.
    navigator.locks?.request("shouwang-bell", () => {
      isTheBell = true;
      return new Promise(() => {});
    });
  }
  await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 500))]);
  sound.dispatchEvent(new Event("change"));
  return isOn();
}

export function play(name) {
  if (!isOn() || (!isTheBell && name !== "test")) return;
  const { tones, hertz, length } = PATTERNS[name];
  const start = context.currentTime + 0.02;
  for (const offset of tones) tone(start + offset, hertz, length);
  sound.dispatchEvent(new CustomEvent("played", { detail: name }));
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
