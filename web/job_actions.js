// What can be done with a job as a whole.

import { json, randomKey } from "./api.js";
import { confirmDialog } from "./dialogs.js";
import { announce } from "./dom.js";
import { t } from "./i18n.js";
import { uploads } from "./uploads.js";

/** @typedef {import("./types.d.ts").Job} Job */

/** @param {Job} job */
export function isOver({ status }) {
  return status !== "queued" && status !== "running";
}

/**
 * Cancels a job that is not over, removes one that is.
 * @param {Job} job
 * @returns {Promise<"cancelled" | "removed" | "kept">}
 */
export async function cancelOrRemove(job) {
  const name = job.audio.filename ?? t("job.unnamed");
  if (isOver(job) && !(await confirmDialog(t("job.deleteAsk", { name }), t("job.delete")))) return "kept";
  const left = await json(`jobs/${job.id}`, { method: "DELETE" });
  announce(t(left ? "job.cancelled" : "job.deleted", { name }));
  if (!left && location.hash === `#/jobs/${job.id}`) location.hash = "#/";
  return left ? "cancelled" : "removed";
}

/** Has a job that is over done once more, and shows the new one. @param {Job} job */
export async function retry(job) {
  const again = await json(`jobs/${job.id}/retry`, { method: "POST", headers: { "idempotency-key": randomKey() } });
  const file = uploads.files.get(job.id);
  if (file) uploads.files.set(again.id, file);
  location.hash = `#/jobs/${again.id}`;
}
