// Copy and download.

import { reason, request } from "./api.js";
import { announce, fill, h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { FORMATS } from "./new_job.js";

/** @typedef {import("./types.d.ts").Job} Job */
/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {import("./revisions.js").Revisions} Revisions */

/** @param {Job} job @param {Draft} draft @param {Revisions} revisions @returns {HTMLElement[]} */
export function exportButtons(job, draft, revisions) {
  const copied = h("button", { type: "button", class: "tool", id: "copy", onclick: () => copy(draft, copied) }, icon("copy"), h("span", {}, t("export.copy")));
  const wanted = Array.isArray(job.metadata?.formats) ? job.metadata.formats : [];
  const first = FORMATS.filter((format) => wanted.includes(format));
  const ordered = [...first, ...FORMATS.filter((format) => !first.includes(format))];
  const menu = h(
    "details",
    { class: "menu", id: "download" },
    h("summary", { class: "tool" }, icon("download"), h("span", {}, t("export.download"))),
    h(
      "div",
      { class: "items" },
      first.length > 1 && item("all", t("export.all"), first.map((format) => format.toUpperCase()).join(", "), first),
      ...ordered.map((format) => item(format, format.toUpperCase(), t(`format.${format}`), [format])),
    ),
  );
  menu.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    if (event.relatedTarget && !menu.contains(/** @type {Node} */ (event.relatedTarget))) menu.open = false;
  });
  const closeOutside = (/** @type {Event} */ event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  };
  menu.addEventListener("toggle", () => {
    if (menu.open) document.addEventListener("pointerdown", closeOutside);
    else document.removeEventListener("pointerdown", closeOutside);
  });
  menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });

  /** @param {string} id @param {string} name @param {string} about @param {string[]} formats */
  function item(id, name, about, formats) {
    return h("button", { type: "button", class: "item", "data-format": id, onclick: () => save(formats) }, h("strong", {}, name), h("span", { class: "note" }, about));
  }

  async function save(/** @type {string[]} */ formats) {
    menu.open = false;
    try {
      if (draft.isDirty && revisions.canSave) await revisions.save();
      for (const format of formats) await download(job, format);
    } catch (error) {
      announce(reason(error));
    }
  }
  return [copied, menu];
}

/** As the service writes it. @param {Job} job @param {string} format */
async function download(job, format) {
  const partial = job.status === "completed" ? "" : "&partial=true";
  const answer = await request(`jobs/${job.id}/transcript?format=${format === "txt" ? "text" : format}${partial}`);
  const url = URL.createObjectURL(await answer.blob());
  const name = (job.audio.filename ?? "transcript").replace(/\.[^.]{1,5}$/, "");
  h("a", { href: url, download: `${name}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {Draft} draft @param {HTMLElement} button */
async function copy(draft, button) {
  await toClipboard(plainText(draft));
  const label = /** @type {Element} */ (button.lastElementChild);
  fill(label, t("export.copied"));
  announce(t("export.copied"));
  setTimeout(() => fill(label, t("export.copy")), 2000);
}

/** The text; with a line for each time that another one speaks. @param {Draft} draft */
function plainText({ segments }) {
  let name = "";
  const parts = segments.map(({ text, speaker }) => {
    const changes = (speaker ?? "") !== name;
    name = speaker ?? "";
    return changes ? `\n\n${name && `${name}: `}${text.trim()}` : ` ${text.trim()}`;
  });
  return parts.join("").trim();
}

/** Pages that are not served securely have no clipboard of their own. @param {string} text */
async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { class: "unseen", value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
