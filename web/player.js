// The player: the recording that the service has stored, or the one that was sent from here.

import { address, json, key, request } from "./api.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { clock, number, t } from "./i18n.js";
import { prefs } from "./prefs.js";
import { uploads } from "./uploads.js";
import { Waveform } from "./waveform.js";

/** @typedef {import("./types.d.ts").Job} Job */

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5];
const STEP_SECS = 5;
const PEAKS = 2000;

export class Player extends EventTarget {
  #duration = 0;
  #frame = 0;
  /** @type {string} */
  #blobUrl = "";

  /** @param {AbortSignal} closed */
  constructor(closed) {
    super();
    this.audio = new Audio();
    this.audio.preload = "metadata";
    this.wave = new Waveform((secs) => this.seek(secs), closed);
    this.toggleButton = h("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.time = h("span", { class: "clock" });
    this.speed = h(
      "select",
      { id: "speed", "aria-label": t("player.speed"), title: t("player.speed"), onchange: () => this.setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => h("option", { value: speed }, `${number(speed, 2)}×`)),
    );
    this.note = h("p", { class: "note", role: "status" });
    const controls = h(
      "div",
      { class: "controls" },
      iconButton("back", t("player.back"), { onclick: () => this.seek(this.at - STEP_SECS) }),
      this.toggleButton,
      iconButton("forward", t("player.forward"), { onclick: () => this.seek(this.at + STEP_SECS) }),
      this.time,
      this.speed,
    );
    this.view = h("section", { class: "player", "aria-label": t("player.title"), hidden: true }, this.wave.view, controls, this.note);
    for (const event of ["play", "pause", "seeked", "loadedmetadata", "ended"]) this.audio.addEventListener(event, () => this.#tick());
    this.audio.addEventListener("error", () => fill(this.note, this.audio.src ? t("player.unplayable") : ""));
    this.setSpeed(SPEEDS.includes(prefs.get("speed")) ? prefs.get("speed") : 1);
    this.#tick();
  }

  get at() {
    return this.audio.currentTime;
  }

  /** @param {Job} job @param {AbortSignal} closed */
  async load(job, closed) {
    this.#duration = job.audio.duration_secs ?? 0;
    closed.addEventListener("abort", () => this.#close(), { once: true });
    const file = uploads.files.get(job.id);
    const path = `jobs/${job.id}/audio`;
    try {
      if (file) this.#play(file);
      // A player sends no key: with one, the recording is fetched first.
      else if (key.get()) this.#play(await (await request(path, { signal: closed })).blob());
      else {
        await request(path, { signal: closed, method: "HEAD" });
        this.audio.src = address(path);
      }
    } catch {
      return;
    }
    this.view.hidden = false;
    this.#tick();
    this.wave.setPeaks(await this.#peaks(job, closed));
  }

  /** @param {Job} job @param {AbortSignal} closed */
  async #peaks(job, closed) {
    try {
      return (await json(`jobs/${job.id}/audio/peaks?points=${PEAKS}`, { signal: closed })).peaks;
    } catch {
      return [];
    }
  }

  /** @param {Blob} blob */
  #play(blob) {
    this.#blobUrl = URL.createObjectURL(blob);
    this.audio.src = this.#blobUrl;
  }

  toggle() {
    if (this.view.hidden) return;
    if (this.audio.paused) this.audio.play().catch(() => fill(this.note, t("player.unplayable")));
    else this.audio.pause();
  }

  /** @param {number} secs */
  seek(secs) {
    this.audio.currentTime = Math.min(Math.max(secs, 0), this.#duration || secs);
    this.#tick();
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.audio.playbackRate = this.audio.defaultPlaybackRate = speed;
    this.speed.value = String(speed);
    prefs.set("speed", speed);
  }

  /** The next speed up or down. @param {1 | -1} step */
  faster(step) {
    const next = SPEEDS[SPEEDS.indexOf(this.audio.playbackRate) + step];
    if (next) this.setSpeed(next);
  }

  #tick() {
    cancelAnimationFrame(this.#frame);
    const { audio } = this;
    if (Number.isFinite(audio.duration) && audio.duration > 0) this.#duration ||= audio.duration;
    const label = t(audio.paused ? "player.play" : "player.pause");
    if (this.toggleButton.getAttribute("aria-label") !== label) {
      this.toggleButton.setAttribute("aria-label", label);
      fill(this.toggleButton, icon(audio.paused ? "play" : "pause"));
    }
    this.time.textContent = `${clock(audio.currentTime)} / ${clock(this.#duration)}`;
    this.wave.show(audio.currentTime, this.#duration);
    this.dispatchEvent(new Event("time"));
    if (!audio.paused) this.#frame = requestAnimationFrame(() => this.#tick());
  }

  #close() {
    cancelAnimationFrame(this.#frame);
    this.audio.pause();
    this.audio.removeAttribute("src");
    if (this.#blobUrl) URL.revokeObjectURL(this.#blobUrl);
  }
}
