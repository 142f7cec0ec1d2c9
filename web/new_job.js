// The page's first view: a recording comes in by drop, choice, address or microphone.

import { h, icon } from "./dom.js";
import { collate, spoken, t } from "./i18n.js";
import { CODES } from "./languages.js";
import { modelStatus } from "./model_status.js";
import { prefs } from "./prefs.js";
import { recorderButton } from "./recorder.js";
import { uploads } from "./uploads.js";

/** @typedef {import("./types.d.ts").JobChoices} JobChoices */

export const FORMATS = ["txt", "srt", "vtt", "json", "tsv"];

/** @returns {JobChoices} */
function remembered() {
  const standard = { model: "", language: "", task: "transcribe", words: true, formats: ["txt", "srt"], prompt: "" };
  return { ...standard, ...prefs.get("choices"), prompt: "" };
}

/** @param {AbortSignal} closed @returns {HTMLElement} */
export function newJobView(closed) {
  const choices = remembered();
  const change = (/** @type {Partial<JobChoices>} */ part) => {
    Object.assign(choices, part);
    prefs.set("choices", { ...choices, prompt: "" });
  };
  const take = (/** @type {Iterable<File>} */ files) => {
    for (const file of files) uploads.addFile(file, choices);
  };
  const recorder = recorderButton((file) => take([file]));
  const view = h(
    "div",
    { class: "new-job" },
    h("h1", { tabindex: -1 }, t("new.title")),
    dropZone(take),
    h("div", { class: "sources" }, urlForm(choices), h("div", { class: "record" }, recorder.button, recorder.level)),
    recorder.note,
    options(choices, change, closed),
  );
  return view;
}

/** @param {(files: Iterable<File>) => void} take */
function dropZone(take) {
  const input = h("input", { type: "file", id: "files", multiple: true, accept: "audio/*,video/*,.mkv,.opus,.wma,.amr,.ac3,.dts", class: "unseen" });
  input.addEventListener("change", () => {
    take(input.files ?? []);
    input.value = "";
  });
  const zone = h(
    "label",
    { class: "drop", for: "files" },
    icon("upload"),
    h("span", { class: "drop-title" }, t("new.drop")),
    h("span", { class: "note" }, t("new.kinds")),
    input,
  );
  // Anywhere in the window: the zone shows where.
  let depth = 0;
  const over = (/** @type {boolean} */ is) => zone.classList.toggle("over", is);
  const abort = new AbortController();
  const isMine = (/** @type {DragEvent} */ event) => {
    if (!zone.isConnected) abort.abort();
    return zone.isConnected && (event.dataTransfer?.types.includes("Files") ?? false);
  };
  const listen = (/** @type {string} */ kind, /** @type {(event: DragEvent) => void} */ act) =>
    addEventListener(kind, (event) => isMine(/** @type {DragEvent} */ (event)) && (event.preventDefault(), act(/** @type {DragEvent} */ (event))), { signal: abort.signal });
  listen("dragenter", () => over((depth += 1) > 0));
  listen("dragleave", () => over((depth -= 1) > 0));
  listen("dragover", () => {});
  listen("drop", (event) => {
    depth = 0;
    over(false);
    take(event.dataTransfer?.files ?? []);
  });
  return zone;
}

/** @param {JobChoices} choices */
function urlForm(choices) {
  const input = h("input", { type: "url", id: "url", required: true, placeholder: "https://", "aria-label": t("new.url"), pattern: "https?://.+", autocomplete: "off" });
  return h(
    "form",
    {
      class: "by-url",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        uploads.addUrl(input.value.trim(), choices);
        input.value = "";
      },
    },
    icon("link"),
    input,
    h("button", { type: "submit", class: "tool" }, t("new.fetch")),
  );
}

/** @param {JobChoices} choices @param {(part: Partial<JobChoices>) => void} change @param {AbortSignal} closed */
function options(choices, change, closed) {
  const model = h("select", { id: "model", onchange: () => (change({ model: model.value }), fit()) });
  const language = h("select", { id: "language", onchange: () => change({ language: language.value }) });
  const task = h(
    "select",
    { id: "task", onchange: () => change({ task: task.value }) },
    h("option", { value: "transcribe" }, t("option.transcribe")),
    h("option", { value: "translate" }, t("option.translate")),
  );
  const compare = collate();
  const named = CODES.map((code) => ({ code, name: spoken(code) })).sort((a, b) => compare(a.name, b.name));
  language.append(
    h("option", { value: "" }, t("option.detect")),
    h("option", { value: "multi" }, t("option.multi")),
    ...named.map(({ code, name }) => h("option", { value: code }, name)),
  );
  language.value = choices.language;
  task.value = choices.task;

  // A model for English alone takes nothing else.
  function fit() {
    const known = modelStatus.latest?.models ?? [];
    const chosen = known.find((one) => one.id === model.value) ?? known.find((one) => one.default);
    const isEnglish = chosen?.multilingual === false;
    for (const option of language.options) option.disabled = isEnglish && option.value !== "" && option.value !== "en";
    task.options[1].disabled = isEnglish;
    if (isEnglish && language.value !== "en" && language.value !== "") change({ language: (language.value = "") });
    if (isEnglish && task.value === "translate") change({ task: (task.value = "transcribe") });
  }

  function showModels() {
    const known = modelStatus.latest?.models ?? [];
    const names = known.map((one) => one.id).join();
    if (model.dataset.names !== names) {
      model.dataset.names = names;
      model.replaceChildren(...known.map((one) => h("option", { value: one.default ? "" : one.id }, one.id)));
      if (!known.length) model.append(h("option", { value: "" }, t("option.default")));
      model.value = known.some((one) => !one.default && one.id === choices.model) ? choices.model : "";
      if (model.value !== choices.model) change({ model: model.value });
    }
    fit();
  }
  modelStatus.addEventListener("change", showModels, { signal: closed });
  showModels();

  const words = h("input", { type: "checkbox", id: "words", checked: choices.words, onchange: () => change({ words: words.checked }) });
  const prompt = h("input", { type: "text", id: "prompt", maxlength: 500, autocomplete: "off", oninput: () => change({ prompt: prompt.value }) });
  const field = (/** @type {string} */ name, /** @type {Node} */ control) => h("div", { class: "field" }, h("label", { for: name }, t(`option.${name}`)), control);
  const formats = FORMATS.map((format) => {
    const box = h("input", {
      type: "checkbox",
      checked: choices.formats.includes(format),
      onchange: () => change({ formats: FORMATS.filter((other) => (other === format ? box.checked : choices.formats.includes(other))) }),
    });
    return h("label", { class: "check" }, box, format.toUpperCase());
  });
  // On a phone the list below is worth more than the options, which stay as they were chosen.
  const isWide = matchMedia("(min-width: 761px)").matches;
  return h(
    "details",
    { class: "options", id: "options", open: isWide },
    h("summary", {}, t("option.title")),
    h("div", { class: "fields" }, field("model", model), field("language", language), field("task", task)),
    h("div", { class: "field" }, h("label", { for: "prompt" }, t("option.prompt")), prompt),
    h("label", { class: "check" }, words, t("option.words")),
    h("fieldset", {}, h("legend", {}, t("option.formats")), ...formats),
  );
}
