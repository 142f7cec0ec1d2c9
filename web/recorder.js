// The microphone.

import { reason } from "./api.js";
import { h, icon, fill } from "./dom.js";
import { clock, t } from "./i18n.js";

/** What browsers record in, best first. */
const KINDS = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/ogg;codecs=opus", "ogg"],
  ["audio/mp4", "m4a"],
];

/**
 * A button that records until it is pressed again.
 * @param {(file: File) => void} onRecorded
 */
export function recorderButton(onRecorded) {
  const button = h("button", { type: "button", class: "tool", id: "record" });
  const level = h("meter", { class: "level", min: 0, max: 1, value: 0, hidden: true, "aria-label": t("record.level") });
  const note = h("p", { class: "note error", role: "alert", hidden: true });
  /** @type {MediaRecorder | null} */
  let recorder = null;
  let timer = 0;

  const show = (/** @type {number} */ secs) =>
    recorder
      ? fill(button, icon("stop"), h("span", {}, t("record.stop")), h("span", { class: "time" }, clock(secs)))
      : fill(button, icon("mic"), h("span", {}, t("record.start")));

  const complain = (/** @type {string} */ text) => {
    note.textContent = text;
    note.hidden = !text;
  };

  async function start() {
    complain("");
    const kind = KINDS.find(([type]) => globalThis.MediaRecorder?.isTypeSupported(type));
    if (!navigator.mediaDevices || !kind) return complain(t("record.insecure"));
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      return complain(t("record.denied", { reason: reason(error) }));
    }
    /** @type {Blob[]} */
    const parts = [];
    const began = Date.now();
    recorder = new MediaRecorder(stream, { mimeType: kind[0] });
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      clearInterval(timer);
      level.hidden = true;
      recorder = null;
      button.classList.remove("recording");
      show(0);
      const at = new Date(began - new Date(began).getTimezoneOffset() * 60_000).toISOString().slice(0, 16).replace(/[T:]/g, "-");
      onRecorded(new File(parts, `${t("record.name")}-${at}.${kind[1]}`, { type: kind[0] }));
    };
    const measure = meterOf(stream);
    timer = setInterval(() => {
      show((Date.now() - began) / 1000);
      level.value = measure();
    }, 100);
    recorder.start(1000);
    button.classList.add("recording");
    level.hidden = false;
    show(0);
  }

  button.addEventListener("click", () => (recorder ? recorder.stop() : start()));
  show(0);
  return { button, level, note };
}

/** How loud it is, 0 to 1. @param {MediaStream} stream */
function meterOf(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  stream.getTracks()[0]?.addEventListener("ended", () => context.close());
  return () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.min(1, 3 * Math.max(...samples.map(Math.abs)));
  };
}
