// The device's memory over the last minutes: the model's, that of others, and what is free.

import { fill, h } from "./dom.js";
import { size, t } from "./i18n.js";
import { whenColoursChange } from "./prefs.js";

/** What is shown, up to now. */
const SPAN_MS = 5 * 60_000;
const COLOURS = { model: "--accent", others: "--wave", needed: "--warn" };

/** @typedef {{ at: number, model: number, others: number, total: number, needed: number | null }} Sample */

/** Kept while the page is open, whichever view is shown. @type {Sample[]} */
const samples = [];

/** Takes what the device has now. @param {import("./types.d.ts").ModelStatus} status */
export function sample({ memory, waiting }) {
  const { total_bytes: total, free_bytes, used_by_model_bytes: model } = memory;
  const at = Date.now();
  samples.push({ at, model, others: Math.max(0, total - free_bytes - model), total, needed: waiting?.needed_bytes ?? null });
  while (samples[0].at < at - SPAN_MS) samples.shift();
}

export class MemoryGraph {
  /** @param {AbortSignal} closed */
  constructor(closed) {
    this.canvas = h("canvas", { class: "memory", role: "img" });
    this.legend = h("ul", { class: "legend" });
    this.top = h("p", { class: "note top-of-graph", "aria-hidden": "true" });
    this.view = h("div", { class: "graph" }, this.top, this.canvas, this.legend);
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    whenColoursChange(() => this.#draw(), closed);
  }

  show() {
    const last = samples.at(-1);
    if (!last) return;
    const { model, others, total, needed } = last;
    const texts = { model: t("memory.model", { size: size(model) }), others: t("memory.others", { size: size(others) }), free: t("memory.free", { size: size(total - others - model) }) };
    const parts = Object.entries(texts).map(([name, text]) => h("li", { class: name }, text));
    fill(this.legend, ...parts, needed === null ? null : h("li", { class: "needed" }, t("memory.needed", { size: size(needed) })));
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
    // As high as what there was, so that a small model beside much memory can be seen.
    const most = Math.max(...samples.map(({ model, others, needed }) => others + Math.max(model, needed ?? 0)));
    const top = Math.min(last.total, most * 1.4);
    fill(this.top, size(top));
    const x = (/** @type {Sample} */ { at }) => width - ((last.at - at) / SPAN_MS) * width;
    const y = (/** @type {number} */ bytes) => height - (bytes / top) * height;
    // The model's on top of that of others.
    for (const [name, edge] of /** @type {const} */ ([["model", (/** @type {Sample} */ s) => s.others + s.model], ["others", (/** @type {Sample} */ s) => s.others]])) {
      pen.beginPath();
      pen.moveTo(x(samples[0]), height);
      for (const sample of samples) pen.lineTo(x(sample), y(edge(sample)));
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
