// The model's status, asked for again and again while the page is in sight.

import { connection, json } from "./api.js";
import { sample } from "./memory_graph.js";

const PAUSE_MS = 5000;

/** @typedef {import("./types.d.ts").ModelStatus} ModelStatus */

class Status extends EventTarget {
  /** @type {ModelStatus | null} */
  latest = null;
  pause = PAUSE_MS;
  #timer = 0;

  start() {
    document.addEventListener("visibilitychange", () => this.#poll());
    connection.addEventListener("key", () => this.#poll());
    this.#poll();
  }

  /** How often it is asked for. @param {number} [ms] */
  every(ms = PAUSE_MS) {
    this.pause = ms;
    this.#poll();
  }

  /** @param {ModelStatus} status */
  set(status) {
    this.latest = status;
    sample(status);
    this.dispatchEvent(new Event("change"));
  }

  async refresh() {
    this.set(await json("model/status"));
  }

  async #poll() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    const mine = (this.#timer = setTimeout(() => this.#poll(), this.pause));
    try {
      await this.refresh();
    } catch {
      // The banner says that the service does not answer; the next time it may.
    }
    if (mine !== this.#timer) return;
    clearTimeout(mine);
    this.#timer = setTimeout(() => this.#poll(), this.pause);
  }
}

export const modelStatus = new Status();
