// Who rings: one tab, not each. The first whose sound runs holds a Web Lock; it lets go when its sound stops, and the
// lock passes on when the tab closes. What that tab does not ring (it hangs, or prints) another one takes over.
// Without Web Locks each tab whose sound runs rings.
import { seconds } from "./clock.js";

const LOCK = "shouwang-bell";
const CHANNEL = "shouwang-rings";
const AT_ONCE_MS = 2_000; // one ring of the same kind is for all tabs that ask for it within this time
const PATIENCE_MS = [1_500, 3_000]; // until somebody else rings: not all the others at the same moment

export const bell = new EventTarget(); // `change`; `owed` with a ring that this tab must make up for

const rings = new BroadcastChannel(CHANNEL);
const rungAt = new Map();
let canRing = false;
let asked = null;
let isMine = !navigator.locks;
let isSomebodys = false;
let owed = null;

rings.onmessage = ({ data }) => rungAt.set(data.name, performance.now());
seconds.addEventListener("second", () => {
  look();
  makeUp();
});

export function isBell() {
  return isMine;
}

// Whether any tab of this browser would ring, as far as this one knows.
export function isHeld() {
  return navigator.locks ? isSomebodys : canRing;
}

// This tab can be heard, or cannot any more.
export function stand(isOn) {
  if (canRing === isOn) return;
  canRing = isOn;
  if (!navigator.locks) return;
  if (isOn) ask();
  else letGo();
}

export function hasRung(name) {
  rings.postMessage({ name });
}

// Somebody else must ring this; if nobody does, we do.
export function expectRing(name) {
  if (isMine || performance.now() - (rungAt.get(name) ?? -Infinity) < AT_ONCE_MS) return;
  const [least, most] = PATIENCE_MS;
  owed ??= { name, since: performance.now(), until: performance.now() + least + Math.random() * (most - least) };
}

async function ask(how = {}) {
  letGo();
  const mine = { abort: new AbortController(), end: null };
  asked = mine;
  const options = how.steal ? how : { signal: mine.abort.signal };
  try {
    await navigator.locks.request(LOCK, options, () => {
      if (asked !== mine) return null;
      take(true);
      return new Promise((resolve) => { mine.end = resolve; });
    });
  } catch {
    // not waited for any longer, or another tab has taken it
  }
  if (asked !== mine) return;
  asked = null;
  take(false);
  if (canRing) ask();
}

function letGo() {
  asked?.abort.abort();
  asked?.end?.();
  asked = null;
  take(false);
}

function take(is) {
  if (isMine === is) return;
  isMine = is;
  isSomebodys ||= is;
  bell.dispatchEvent(new Event("change"));
}

async function look() {
  if (!navigator.locks) return;
  const { held } = await navigator.locks.query();
  const is = held.some(({ name }) => name === LOCK);
  if (is === isSomebodys) return;
  isSomebodys = is;
  bell.dispatchEvent(new Event("change"));
}

async function makeUp() {
  if (!owed || performance.now() < owed.until) return;
  const { name, since } = owed;
  owed = null;
  if ((rungAt.get(name) ?? -Infinity) >= since - AT_ONCE_MS || !canRing) return;
  if (!isMine && navigator.locks) ask({ steal: true });
  bell.dispatchEvent(new CustomEvent("owed", { detail: name }));
}
