// Tells the centre which alarms were heard at this desk, and which could not be. Once for each case and cause and for the
// browser, not for each tab: the tab that rang tells it, and one tab tells that none could. Never in the way of a ring: it
// is told afterwards, many at once, twice at most, and forgotten while the server is away.
import { isHeld } from "./bell.js";
import { seconds } from "./clock.js";
import { sound, whyMute } from "./sound.js";

const ALARMS = ["P1", "P2", "P3", "P4"];
const CHANNEL = "shouwang-heard";
const TELLER = "shouwang-teller";
const MUTE_AFTER_MS = 6_000; // another tab makes up for a ring within 3 s (bell.js), a fresh page has its sound by then
const FORGET_AFTER_MS = 600_000;
const MOST = 500;
const AT_ONCE = 50; // cases of one post, as the server takes them
const GATHER_MS = 100;
const AGAIN_MS = [2_000, 6_000]; // not all desks at the same moment
const ANSWER_MS = 5_000;
const LEAD_MS = 20; // a tone is laid so far ahead (sound.js)

const tabs = new BroadcastChannel(CHANNEL);
const due = new Map(); // by case and cause: what must ring
const told = new Set(); // what rang and was told of, by this tab or another
let outbox = [];
let sending = 0;
let isTeller = !navigator.locks;

export function startHeard() {
  if (!("desk" in document.body.dataset)) return; // who only looks has no desk
  tabs.onmessage = ({ data }) => data.names.forEach((name) => settle(name, data.isMute));
  sound.addEventListener("played", ({ detail }) => rang(detail));
  seconds.addEventListener("second", tellMute);
  addEventListener("pagehide", () => outbox.length && send());
  navigator.locks?.request(TELLER, () => {
    isTeller = true;
    return new Promise(() => {}); // until this tab closes
  });
}

// It is to ring now: to be called right before the ring. `cause`: opened, alert, call120 or seen (no word of it came).
export function expectHeard({ incident, seq = 0, cause, priority }) {
  const name = `${incident}:${cause}`;
  const same = cause === "seen" ? [name, `${incident}:opened`, `${incident}:alert`] : [name];
  if (same.some((one) => told.has(one) || due.has(one)) || !("desk" in document.body.dataset)) return;
  due.set(name, { incident, seq, cause, priority, at: performance.now(), isMuteTold: false });
  if (due.size > MOST) due.delete(due.keys().next().value);
}

// A tone was laid on a clock that runs: it is for each that is no more urgent than it.
function rang(tone) {
  if (!ALARMS.includes(tone)) return;
  const names = [...due].filter(([, { priority }]) => tone <= priority).map(([name]) => name);
  if (!names.length) return;
  const isVisible = document.hidden ? 0 : 1;
  for (const name of names) {
    const { incident, seq, cause, at } = due.get(name);
    put("rang", [incident, seq, cause, Math.round(performance.now() - at) + LEAD_MS, isVisible]);
  }
  share(names, false);
}

function tellMute() {
  const now = performance.now();
  for (const [name, { at }] of due) if (now - at > FORGET_AFTER_MS) due.delete(name);
  const why = whyMute();
  if (!isTeller || !why || isHeld()) return; // where a tab can be heard, it tells
  const names = [...due].filter(([, one]) => !one.isMuteTold && now - one.at > MUTE_AFTER_MS).map(([name]) => name);
  if (!names.length) return;
  for (const name of names) {
    const { incident, seq, cause } = due.get(name);
    put("mute", [incident, seq, cause, why]);
  }
  share(names, true);
}

function share(names, isMute) {
  names.forEach((name) => settle(name, isMute));
  tabs.postMessage({ names, isMute });
}

// What was mute may ring yet, and is told of then.
function settle(name, isMute) {
  if (isMute) {
    const one = due.get(name);
    if (one) one.isMuteTold = true;
    return;
  }
  due.delete(name);
  told.add(name);
  if (told.size > MOST) told.delete(told.values().next().value);
}

function put(kind, parts) {
  outbox.push({ kind, text: parts.join(":"), tries: 0 });
  if (outbox.length > MOST) outbox.shift();
  sending ||= setTimeout(send, GATHER_MS);
}

async function send() {
  clearTimeout(sending);
  sending = 0;
  const batch = outbox.splice(0, AT_ONCE);
  const isDone = await isTaken(batch);
  if (!isDone) outbox.unshift(...batch.filter((one) => one.tries++ === 0));
  const [least, most] = AGAIN_MS;
  if (outbox.length) sending ||= setTimeout(send, isDone ? GATHER_MS : least + Math.random() * (most - least));
}

// Whether the server has answered for good: what it refuses is not sent again.
async function isTaken(batch) {
  const body = new URLSearchParams({ csrf: document.querySelector("[name=csrf]").value });
  for (const { kind, text } of batch) body.append(kind, text);
  try {
    const answer = await fetch("/rings", {
      method: "POST", body, keepalive: true, priority: "low", signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.status < 500 && answer.status !== 429;
  } catch {
    return false; // no network: the bus says so
  }
}
