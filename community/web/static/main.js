// The console in the browser. Without it the pages still work; they only do not change by themselves.
import "./clock.js";
import "./passkey.js";
import "./plot.js";
import { listen } from "./bus.js";
import { startHealth } from "./health.js";
import { startHeard } from "./heard.js";
import { startIncident } from "./incident.js";
import { startKeys } from "./keys.js";
import { startMap } from "./map.js";
import { startNav } from "./nav.js";
import { startPreview } from "./preview.js";
import { startPlan } from "./plan.js";
import { startQueue } from "./queue.js";
import { startSelection } from "./selection.js";
import { startShift } from "./shift.js";

startNav();
if ("live" in document.body.dataset) {
  startSelection();
  startQueue();
  startPreview();
  startIncident();
  startPlan();
  startMap();
  startHeard();
  startShift();
  startHealth();
  startKeys();
  listen();
  document.documentElement.classList.add("lively");
}
