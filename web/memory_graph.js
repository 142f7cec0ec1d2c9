// The device's memory over the last minutes: the model's, that of others, and what is free.

import { fill, h } from "./dom.js";
import { size, t } from "./i18n.js";

const MOST = 150;
const COLOURS = { model: "--accent", others: "--wave", needed: "--warn" };

/** @typedef {import("./types.d.ts").ModelStatus["memory"]} Memory */
/** @typedef {{ at: number, model: number, others: number, total: number, needed: number | null }} Sample */

/** Kept while the page is open, whichever view is shown. @type {Sample[]} */
const samples = [];

export class MemoryGraph {
  constructor() {
    this.canvas = h("canvas", { class: "memory", role: "img" });
    this.legend = h("ul", { class: "legend" });
    this.view = h("div", {}, this.canvas, this.legend);
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /** @param {Memory} memory @param {number | null} needed */
  add({ total_bytes, free_bytes, used_by_model_bytes }, needed) {
    const others = Math.max(0, total_bytes - free_bytes - used_by_model_bytes);
    samples.push({ at: Date.now(), model: used_by_model_bytes, others, total: total_bytes, needed });
    samples.splice(0, samples.length - MOST);
    const texts = { model: t("memory.model", { size: size(used_by_model_bytes) }), others: t("memory.others", { size: size(others) }), free: t("memory.free", { size: size(free_bytes) }) };
    fill(this.legend, ...Object.entries(texts).map(([name, text]) => h("li", { class: name }, text)), needed === null ? null : h("li", { class: "needed" }, t("memory.needed", { size: size(needed) })));
    this.canvas.setAttribute("aria-label", Object.values(texts).join(", "));
    this.#draw();
  }

  #draw() {
    const pen = this.canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const last = samples.at(-1);
    if (!pen || !width || !last) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const colour = (/** @type {keyof typeof COLOURS} */ name) => style.getPropertyValue(COLOURS[name]);
    const x = (/** @type {number} */ i) => width - ((samples.length - 1 - i) / (MOST - 1)) * width;
    const y = (/** @type {number} */ bytes) => height - (bytes / last.total) * height;
    // The model's on top of that of others.
    for (const [name, top] of /** @type {const} */ ([["model", (/** @type {Sample} */ s) => s.others + s.model], ["others", (/** @type {Sample} */ s) => s.others]])) {
      pen.beginPath();
      pen.moveTo(samples.length > 1 ? x(0) : 0, height);
      samples.forEach((sample, i) => pen.lineTo(samples.length > 1 ? x(i) : 0, y(top(sample))));
      pen.lineTo(width, y(top(last)));
      pen.lineTo(width, height);
      pen.fillStyle = colour(name);
      pen.fill();
    }
    if (last.needed !== null) {
      pen.fillStyle = colour("needed");
      pen.fillRect(0, Math.max(0, y(last.others + last.needed)), width, 1);
    }
  }
}
