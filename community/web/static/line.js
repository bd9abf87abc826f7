// The one line to the server, of a shared worker or of a tab. Native EventSource: a library's connection that pauses in
// hidden tabs would lose the ring. It is opened anew where the browser does not do that by itself: after a refusal, on a
// line that is dead and does not know it, after the computer slept, when the network is back.
export const STALE_MS = 10_000;
export const POLL_MS = 5_000;
const JITTER_MS = 1_000;
const SLEPT_MS = 5_000;
const KINDS = ["bell", "ping", "resync"];

// How far the record is. It counts up; but `resync` says it anew, also where a backup was put in place and it is less.
export function counted(seen, { event, seq }) {
  return event === "resync" ? seq : Math.max(seen, seq);
}

export class Line {
  #source = null;
  #hear;
  #heardAt = performance.now();
  #triedAt = 0;
  #drift = Line.#clockDrift();

  // `seen`: the newest audit sequence that is known; `hear` is told each word of the server.
  constructor(seen, hear) {
    this.seen = seen;
    this.#hear = hear;
    addEventListener("online", () => this.open());
  }

  get silence() {
    return performance.now() - this.#heardAt;
  }

  open() {
    this.#source?.close();
    this.#triedAt = performance.now();
    const source = new EventSource(`/events?after=${this.seen}`);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.#take({ ...JSON.parse(event.data), event: kind }));
    }
    this.#source = source;
  }

  // To be called each second.
  look() {
    if (this.#hasSlept()) return this.open();
    const isDead = this.#source.readyState === EventSource.CLOSED || this.silence >= STALE_MS;
    if (isDead && performance.now() - this.#triedAt >= POLL_MS + Math.random() * JITTER_MS) this.open();
  }

  // Somebody has come who wants to hear: a line that was refused may be granted to him.
  wake() {
    if (this.#source.readyState === EventSource.CLOSED) this.open();
  }

  #take(message) {
    this.#heardAt = performance.now();
    this.seen = counted(this.seen, message);
    this.#hear(message);
  }

  // The monotonic clock stands still while a computer sleeps, the calendar does not.
  #hasSlept() {
    const before = this.#drift;
    this.#drift = Line.#clockDrift();
    return this.#drift - before > SLEPT_MS;
  }

  static #clockDrift() {
    return Date.now() - performance.now();
  }
}
