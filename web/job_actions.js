// What can be done with a job as a whole.

import { json, request } from "./api.js";
import { confirmDialog } from "./dialogs.js";
import { announce } from "./dom.js";
import { t } from "./i18n.js";
import { choicesOf, uploads } from "./uploads.js";

/** @typedef {import("./types.d.ts").Job} Job */

/**
 * Cancels a job that is not over, removes one that is.
 * @param {Job} job
 * @returns {Promise<"cancelled" | "removed" | "kept">}
 */
export async function cancelOrRemove(job) {
  const name = job.audio.filename ?? t("job.unnamed");
  const isOver = !["queued", "running"].includes(job.status);
  if (isOver && !(await confirmDialog(t("job.deleteAsk", { name }), t("job.delete")))) return "kept";
  const left = await json(`jobs/${job.id}`, { method: "DELETE" });
  announce(t(left ? "job.cancelled" : "job.deleted", { name }));
  if (!left && location.hash === `#/jobs/${job.id}`) location.hash = "#/";
  return left ? "cancelled" : "removed";
}

/** Sends the recording of a job again, with the same options. @param {Job} job */
export async function retry(job) {
  const file = uploads.files.get(job.id) ?? (await recording(job));
  uploads.addFile(file, choicesOf(job));
  location.hash = "#/";
}

/** The recording that the service has stored. @param {Job} job */
async function recording(job) {
  const answer = await request(`jobs/${job.id}/audio`);
  return new File([await answer.blob()], job.audio.filename ?? t("job.unnamed"));
}
