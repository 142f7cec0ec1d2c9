// The page: its head, the list of jobs beside the view that the address names.

import { connection, key } from "./api.js";
import { installSignIn } from "./dialogs.js";
import { hasUnsaved } from "./draft.js";
import { announce, fill, h, icon, iconButton } from "./dom.js";
import { LANGUAGES, language, t } from "./i18n.js";
import { JobList } from "./job_list.js";
import { jobView } from "./job_view.js";
import { modelStatus } from "./model_status.js";
import { inShort, modelView } from "./model_view.js";
import { newJobView } from "./new_job.js";
import { THEMES, applyTheme, prefs, theme } from "./prefs.js";
import { uploads } from "./uploads.js";

/** @type {AbortController} */
let shown = new AbortController();
/** @type {JobList} */
let list;
let drawn = new AbortController();

/** Everything, in the language that is chosen. */
function draw() {
  document.documentElement.lang = language();
  drawn.abort();
  drawn = new AbortController();
  list = new JobList(drawn.signal);
  const create = h("a", { class: "primary new", href: "#/", id: "new" }, icon("plus"), t("new.link"));
  const main = h("main", { id: "main", tabindex: -1 });
  fill(
    document.body,
    h("a", { class: "skip", href: "#main", onclick: skip }, t("page.skip")),
    header(),
    banner(),
    h("div", { class: "columns" }, h("nav", { class: "side", "aria-label": t("list.title") }, create, list.view), main),
    h("div", { id: "live", class: "unseen", "aria-live": "polite" }),
  );
  list.refresh();
  route(false);
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function header() {
  const chip = h("a", { class: "chip", href: "#/model", id: "model-chip" });
  const showChip = () => {
    const status = modelStatus.latest;
    if (!status) return fill(chip, h("span", { class: "dot" }), h("span", { class: "name" }, t("model.title")));
    const { name, state } = inShort(status);
    chip.className = `chip ${status.state}`;
    fill(chip, h("span", { class: "dot" }), h("span", { class: "name" }, name), h("span", { class: "state" }, state));
  };
  modelStatus.addEventListener("change", showChip, { signal: drawn.signal });
  showChip();
  const choice = h(
    "select",
    { id: "page-language", "aria-label": t("page.language"), onchange: () => (prefs.set("language", choice.value), draw()) },
    ...Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name)),
  );
  choice.value = language();
  const look = iconButton("theme", themeLabel(), {
    id: "theme",
    onclick() {
      prefs.set("theme", THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
      applyTheme();
      look.setAttribute("aria-label", themeLabel());
      look.title = themeLabel();
      announce(themeLabel());
    },
  });
  const out = iconButton("key", t("sign.out"), { id: "sign-out", hidden: !key.get(), onclick: () => (key.set(""), location.reload()) });
  connection.addEventListener("key", () => (out.hidden = !key.get()), { signal: drawn.signal });
  return h("header", { class: "top" }, h("a", { class: "brand", href: "#/" }, "Verbatim"), chip, h("div", { class: "settings" }, h("a", { class: "quiet api", href: "docs" }, "API"), choice, look, out));
}

function themeLabel() {
  return t("page.theme", { theme: t(`theme.${theme()}`) });
}

function banner() {
  const text = h("p", { class: "banner", role: "alert", hidden: connection.reachable }, t("error.lost"));
  connection.addEventListener("change", () => (text.hidden = connection.reachable), { signal: drawn.signal });
  return text;
}

const JOB_ID = /^[0-9a-f-]{36}$/i;

/** Shows what the address names. @param {boolean} moveFocus */
function route(moveFocus) {
  shown.abort();
  shown = new AbortController();
  const [, kind = "", id = ""] = location.hash.slice(1).split("/");
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  document.title = "Verbatim";
  document.body.dataset.view = kind || "new";
  const isJob = kind === "jobs" && JOB_ID.test(id);
  const view = isJob ? jobView(id, shown.signal, () => list.refresh()) : kind === "model" ? modelView(shown.signal) : newJobView(shown.signal);
  list.select(isJob ? id : "");
  fill(main, view);
  main.scrollTop = 0;
  if (moveFocus) main.querySelector("h1")?.focus({ preventScroll: true });
}

/** One recording that was sent from the first view is opened: it is what the reader waits for. @param {Event} event */
function open(event) {
  const { job, isAlone } = /** @type {CustomEvent} */ (event).detail;
  announce(t("upload.accepted", { name: job.audio.filename ?? t("job.unnamed") }));
  if (isAlone && document.body.dataset.view === "new") location.hash = `#/jobs/${job.id}`;
}

applyTheme();
installSignIn();
addEventListener("hashchange", () => route(true));
addEventListener("beforeunload", (event) => (uploads.isBusy || hasUnsaved()) && event.preventDefault());
uploads.addEventListener("accepted", open);
draw();
modelStatus.start();
