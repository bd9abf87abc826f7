// The shared worker: the one stream of this browser, and all tabs hear it. Its timers run on while every tab is hidden.
import { Line } from "./line.js";

const tabs = new Set();
let line = null;

onconnect = ({ ports: [tab] }) => {
  tab.onmessage = ({ data }) => (data.kind === "hello" ? welcome(tab, data.seq) : tabs.delete(tab));
  tab.addEventListener("close", () => tabs.delete(tab)); // where the browser tells of it
};

function welcome(tab, seq) {
  tabs.add(tab);
  if (line) line.wake();
  else {
    line = new Line(seq, tell);
    line.open();
  }
  tab.postMessage(beat());
}

function tell(message) {
  for (const tab of tabs) tab.postMessage(message);
}

// That the worker lives, and what it knows: a tab that joined late sees by it what it has missed.
function beat() {
  return { event: "beat", seq: line.seen, silence: line.silence };
}

setInterval(() => {
  if (!line) return;
  line.look();
  tell(beat());
}, 1000);
