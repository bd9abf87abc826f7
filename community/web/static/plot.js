// The large plot in place of the server's small drawing. The table below it stays for those who cannot see it.
import { localDayTime, localTime } from "./clock.js";
import { words } from "./words.js";

const HEIGHT = 190;
const STEPS_S = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800];
const DAYS_FROM_S = 43200; // from half a day on, a time alone does not say which day
const LIBRARY = new URL("./vendor/uplot-1.6.32.iife.min.js", import.meta.url);
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

customElements.define("sw-plot", class extends HTMLElement {
  #chart = null;
  #watch = null;

  async connectedCallback() {
    let uPlot;
    try {
      uPlot = await load();
    } catch {
      return; // the small drawing stays
    }
    if (!this.isConnected || this.#chart) return;
    const box = document.createElement("div");
    this.replaceChildren(box);
    this.#chart = new uPlot(this.#options(), this.#data(), box);
    this.#watch = new ResizeObserver(() => this.#chart.setSize({ width: this.clientWidth, height: HEIGHT }));
    this.#watch.observe(this);
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    this.#chart?.destroy();
    this.#chart = null;
  }

  get #points() {
    return JSON.parse(this.dataset.points);
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
        { label: this.dataset.label, stroke: ink.getPropertyValue("--plot"), width: 2, spanGaps: true, points: { size: 4 } },
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
