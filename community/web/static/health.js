// Says whether this page can be believed.
import { bus, silence } from "./bus.js";
import { cases } from "./cases.js";
import { seconds } from "./clock.js";
import { say, words } from "./words.js";

let isSignedOut = false;

export function startHealth() {
  const chip = document.getElementById("live");
  const bar = document.getElementById("stale");
  let isStale = false;
  const show = () => {
    const quiet = Math.floor(silence() / 1000);
    chip.classList.toggle("bad", isStale || isSignedOut);
    chip.textContent = isStale ? words.connecting : `${words.live} ${quiet} ${words.seconds}`;
    bar.hidden = !(isStale || isSignedOut);
    const text = isSignedOut ? words.signedOut : `${words.stale} ${quiet} ${words.seconds} — ${words.polling}`;
    if (!bar.hidden && bar.textContent !== text) bar.textContent = text;
  };
  bus.addEventListener("stale", () => { isStale = true; say(words.stale); show(); });
  bus.addEventListener("alive", () => { isStale = false; say(words.live); show(); });
  cases.addEventListener("signed-out", () => { isSignedOut = true; show(); });
  bus.addEventListener("word", show);
  seconds.addEventListener("second", show);
}
