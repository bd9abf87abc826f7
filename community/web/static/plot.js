// The large plot in place of the server's small drawing. The table below it stays for those who cannot see it.
import { localDayTime, localTime } from "./clock.js";
import { words } from "./words.js";

const HEIGHT = 190;
const STEPS_S = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800];
const DAYS_FROM_S = 43200; // from half a day on, a time alone does not say which day
const GAP_S = 120;
const GAP_STEPS = 8;
const LIBRARY = new URL("./vendor/uplot-1.6.32.iife.min.js", import.meta.url);
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => (window.uPlot ? resolve() : reject(new Error("not run"))); // Safari's engine with no language
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

customElements.define("sw-plot", class extends HTMLElement {
  static observedAttributes = ["data-points"];

  #chart = null;
  #watch = null;

  attributeChangedCallback() {
    if (!this.#chart) return;
    const data = this.#data();
    if (data.length === this.#chart.series.length) this.#chart.setData(data);
    else this.#draw(); // the first doubtful or late value: one more row in its legend
  }

  async connectedCallback() {
    try {
      await load();
    } catch {
      return; // the small drawing stays
    }
    if (!this.isConnected || this.#chart) return;
    this.#draw();
    this.#watch = new ResizeObserver(() => this.#chart.setSize({ width: this.clientWidth, height: HEIGHT }));
    this.#watch.observe(this);
  }

  #draw() {
    this.#chart?.destroy();
    const box = document.createElement("div");
    this.replaceChildren(box);
    this.#chart = new window.uPlot(this.#options(), this.#data(), box);
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    this.#chart?.destroy();
    this.#chart = null;
  }

  // Where much more time than usual lies between two values nothing is drawn: it was not measured, or is not here.
  get #points() {
    const all = JSON.parse(this.dataset.points);
    const steps = all.slice(1).map(([at], place) => at - all[place][0]).sort((a, b) => a - b);
    const most = Math.max(GAP_S, GAP_STEPS * (steps[Math.floor(steps.length / 2)] ?? 0));
    return all.flatMap((point, place) => {
      const isAfterGap = place > 0 && point[0] - all[place - 1][0] > most;
      return isAfterGap ? [[(point[0] + all[place - 1][0]) / 2, null, true, false, false], point] : [point];
    });
  }

  get #hasDoubt() {
    return this.#points.some(([, , isGood]) => !isGood);
  }

  get #hasLate() {
    return this.#points.some(([, , , isLate]) => isLate);
  }

  get #hasRetimed() {
    return this.#points.some(([, , , , isRetimed]) => isRetimed);
  }

  get #time() {
    const all = [...this.#points.map(([at]) => at), ...this.#alarms];
    const show = Math.max(...all) - Math.min(...all) < DAYS_FROM_S ? localTime : localDayTime;
    return (seconds) => show(seconds * 1000);
  }

  get #alarms() {
    return JSON.parse(this.dataset.alarms);
  }

  #data() {
    const points = this.#points;
    const columns = [points.map(([at]) => at), points.map(([, value, isGood]) => (isGood ? value : null))];
    if (this.#hasLate) columns.push(points.map(([, value, , isLate]) => (isLate ? value : null)));
    if (this.#hasRetimed) columns.push(points.map(([, value, , , isRetimed]) => (isRetimed ? value : null)));
    if (this.#hasDoubt) columns.push(points.map(([, value, isGood]) => (isGood ? null : value)));
    return columns;
  }

  #options() {
    const ink = getComputedStyle(document.documentElement);
    const grid = { stroke: ink.getPropertyValue("--line"), width: 1 };
    const axis = { stroke: ink.getPropertyValue("--ink"), grid, ticks: grid };
    const dots = (label, colour, size) => ({
      label, stroke: ink.getPropertyValue(colour), paths: () => null, points: { show: true, size },
    });
    const at = this.#time;
    return {
      width: this.clientWidth,
      height: HEIGHT,
      legend: { live: true },
      scales: {
        x: { range: (_, first, last) => [Math.min(first, ...this.#alarms), Math.max(last, ...this.#alarms) + 1] },
        y: { range: (_, low, high) => [Math.floor(low - 2), Math.ceil(high + 2 + (high - low) / 5)] }, // room for the word
      },
      axes: [{ ...axis, values: (_, ticks) => ticks.map(at), space: 80, incrs: STEPS_S }, { ...axis, size: 44 }],
      series: [
        { label: words.time, value: (_, seconds) => (seconds ? at(seconds) : "") },
        { label: this.dataset.label, stroke: ink.getPropertyValue("--plot"), width: 2, spanGaps: this.#hasDoubt, points: { size: 4 } },
        ...(this.#hasLate ? [dots(words.late, "--soft", 12)] : []), // a ring around what is good or doubtful
        ...(this.#hasRetimed ? [dots(words.retimed, "--soft", 16)] : []), // a wider ring
        ...(this.#hasDoubt ? [dots(words.doubtful, "--p2", 7)] : []),
      ],
      hooks: { draw: [(chart) => this.#alarms.forEach((at) => this.#markAlarm(chart, at, ink.getPropertyValue("--p1")))] },
    };
  }

  #markAlarm(chart, at, colour) {
    const x = chart.valToPos(at, "x", true);
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${13 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
    ctx.textBaseline = "top";
    ctx.fillText(` ${words.alarm} `, x, bbox.top);
    ctx.restore();
  }
});
