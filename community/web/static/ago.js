// How old a value is, in words; old ones are marked, so that nobody takes them for now.
import { seconds, serverNow } from "./clock.js";
import { words } from "./words.js";

const UNITS = [[86400, "agoDays"], [3600, "agoHours"], [60, "agoMinutes"], [1, "agoSeconds"]];

customElements.define("sw-ago", class extends HTMLElement {
  #tick = () => {
    const age = Math.max(0, Math.floor((serverNow() - Date.parse(this.dataset.at)) / 1000));
    const [size, word] = UNITS.find(([size]) => age >= size) ?? UNITS.at(-1);
    const text = words[word].replace("{n}", Math.floor(age / size));
    if (text !== this.textContent) this.textContent = text;
    this.classList.toggle("stale", age > Number(this.dataset.stale));
  };

  connectedCallback() {
    seconds.addEventListener("second", this.#tick);
    this.#tick();
  }

  disconnectedCallback() {
    seconds.removeEventListener("second", this.#tick);
  }
});
