// Questions to the reader.

import { ApiError, key, whenKeyIsMissing } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** @param {string} question @param {string} yes @returns {Promise<boolean>} */
export function confirmDialog(question, yes) {
  const buttons = h(
    "div",
    { class: "buttons" },
    h("button", { value: "" }, t("dialog.keep")),
    h("button", { value: "yes", class: "danger" }, yes),
  );
  return ask(h("dialog", { "aria-label": question }, h("form", { method: "dialog" }, h("p", {}, question), buttons))).then((answer) => answer === "yes");
}

/** @param {HTMLDialogElement} dialog @returns {Promise<string>} what its button says; empty when it was closed otherwise */
function ask(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue);
    }),
  );
}

/** @type {Promise<void> | null} */
let asking = null;

/** Asks for an API key when the service asks for one; all requests that wait for it share the question. */
export function installSignIn() {
  whenKeyIsMissing((error) => {
    asking ??= signIn(error).finally(() => (asking = null));
    return asking;
  });
}

/** @param {ApiError} error */
async function signIn(error) {
  const input = h("input", { type: "password", id: "key", required: true, autocomplete: "current-password", spellcheck: "false" });
  const wasWrong = key.get() !== "";
  const note = h("p", { class: "note error", role: "alert" }, wasWrong ? t("sign.wrong") : "");
  const dialog = h(
    "dialog",
    // Nothing works without a key: Escape does not close it.
    { "aria-labelledby": "sign-title", oncancel: (/** @type {Event} */ event) => event.preventDefault() },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "sign-title" }, t("sign.title")),
      h("p", {}, t("sign.why")),
      h("label", { for: "key" }, t("sign.key")),
      input,
      note,
      h("div", { class: "buttons" }, h("button", { value: "yes", class: "primary" }, t("sign.in"))),
    ),
  );
  const answer = await ask(dialog);
  if (answer !== "yes") throw error;
  key.set(input.value.trim());
}
