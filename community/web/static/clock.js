// The server's time: from its last word, carried on by the monotonic clock. The PC's own clock is never read.
const { now: started, offset } = document.body.dataset;
let anchor = { server: Date.parse(started), local: performance.now() };

export const seconds = new EventTarget();
new Worker(new URL("./ticker.js", import.meta.url)).onmessage = () => seconds.dispatchEvent(new Event("second"));

export function serverNow() {
  return anchor.server + (performance.now() - anchor.local);
}

export function setServerNow(text) {
  anchor = { server: Date.parse(text), local: performance.now() };
}

function local(millis) {
  return new Date(millis + Number(offset) * 60_000).toISOString();
}

export function localTime(millis) {
  return local(millis).slice(11, 19);
}

export function localDayTime(millis) {
  return local(millis).slice(5, 16).replace("T", " ");
}

function span(millis) {
  const whole = Math.max(0, Math.floor(millis / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

// Of thousands of rows a browser draws those on the screen. Only their clocks run, and those of a screen more each way, so
// that a row which comes into sight is right; all others stand, for to change them costs as much as to draw them.
const NEAR = "100% 0px";
const running = new Set();
const rows = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    for (const one of target.querySelectorAll("sw-age, sw-left")) one.run(isIntersecting);
  }
}, { rootMargin: NEAR });
seconds.addEventListener("second", () => {
  for (const one of running) one.tick();
});

class Ticking extends HTMLElement {
  #row = null;

  tick() {
    const text = this.text();
    if (text !== this.textContent) this.textContent = text;
  }

  run(isNear) {
    if (!isNear) return void running.delete(this);
    running.add(this);
    this.tick();
  }

  connectedCallback() {
    this.#row = this.closest("#rows > .case, .call-120-bar");
    if (this.#row) rows.observe(this.#row); // it tells at once whether it is near
    else this.run(true);
  }

  disconnectedCallback() {
    if (this.#row) rows.unobserve(this.#row);
    this.run(false);
  }
}

customElements.define("sw-age", class extends Ticking {
  text() {
    return span(serverNow() - Date.parse(this.dataset.since));
  }
});

customElements.define("sw-left", class extends Ticking {
  text() {
    const left = Date.parse(this.dataset.until) - serverNow();
    this.classList.toggle("over", left <= -1000);
    return left <= -1000 ? `-${span(-left)}` : span(left);
  }
});

customElements.define("sw-bar", class extends HTMLElement {
  #tick = () => {
    const bar = this.firstElementChild;
    const left = Math.round((Date.parse(this.dataset.until) - serverNow()) / 1000);
    bar.value = Math.max(0, Math.min(bar.max, left));
  };

  connectedCallback() {
    seconds.addEventListener("second", this.#tick);
    this.#tick();
  }

  disconnectedCallback() {
    seconds.removeEventListener("second", this.#tick);
  }
});

customElements.define("sw-clock", class extends Ticking {
  text() {
    return localTime(serverNow());
  }
});
