// The recording as a picture: where it is loud, and where it is played. A slider for keys and for readers by ear.

import { h } from "./dom.js";
import { clock, t } from "./i18n.js";
import { whenColoursChange } from "./prefs.js";

const BAR = 2;
const GAP = 1;
const STEP_SECS = 5;

export class Waveform {
  /** @type {number[]} 0 to 1 */
  peaks = [];
  #duration = 0;
  #at = 0;
  #frame = 0;

  /** @param {(secs: number) => void} onSeek @param {AbortSignal} closed */
  constructor(onSeek, closed) {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.view = h("div", { class: "waveform", role: "slider", tabindex: 0, "aria-label": t("player.position"), "aria-valuemin": 0 }, this.canvas);
    const seekTo = (/** @type {PointerEvent} */ event) => {
      const { left, width } = this.canvas.getBoundingClientRect();
      onSeek(Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.#duration);
    };
    this.view.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      this.view.setPointerCapture(event.pointerId);
      seekTo(event);
    });
    this.view.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => event.buttons && seekTo(event));
    this.view.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const steps = { ArrowLeft: -STEP_SECS, ArrowDown: -STEP_SECS, ArrowRight: STEP_SECS, ArrowUp: STEP_SECS, PageDown: -60, PageUp: 60 };
      const step = /** @type {Record<string, number>} */ (steps)[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? this.#duration : step && this.#at + step;
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      onSeek(Math.min(this.#duration, Math.max(0, to)));
    });
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    whenColoursChange(() => this.#draw(), closed);
  }

  /** @param {number[]} peaks */
  setPeaks(peaks) {
    const highest = peaks.reduce((a, b) => Math.max(a, b), 0.01);
    this.peaks = peaks.map((peak) => peak / highest);
    this.#draw();
  }

  /** @param {number} at @param {number} duration */
  show(at, duration) {
    this.#at = at;
    this.#duration = duration;
    this.view.setAttribute("aria-valuemax", String(Math.round(duration)));
    this.view.setAttribute("aria-valuenow", String(Math.round(at)));
    this.view.setAttribute("aria-valuetext", t("player.at", { at: clock(at), of: clock(duration) }));
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const { clientWidth: width, clientHeight: height } = this.canvas;
      const ratio = devicePixelRatio || 1;
      if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
      if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
      const pen = this.canvas.getContext("2d");
      const style = getComputedStyle(this.view);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const bars = Math.floor(width / (BAR + GAP));
      const played = this.#duration ? (this.#at / this.#duration) * bars : 0;
      for (let bar = 0; bar < bars; bar += 1) {
        pen.fillStyle = style.getPropertyValue(bar < played ? "--accent" : "--wave");
        const tall = Math.max(2, this.#peak(bar / bars, (bar + 1) / bars) * height);
        pen.fillRect(bar * (BAR + GAP), (height - tall) / 2, BAR, tall);
      }
    });
  }

  /** The highest peak of a part. @param {number} from @param {number} to shares of the whole */
  #peak(from, to) {
    const first = Math.floor(from * this.peaks.length);
    const part = this.peaks.slice(first, Math.max(first + 1, Math.floor(to * this.peaks.length)));
    return part.reduce((a, b) => Math.max(a, b), 0);
  }
}
