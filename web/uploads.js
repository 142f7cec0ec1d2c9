// Recordings on their way to the service.

import { ApiError, address, connection, json, key, keyHeaders, randomKey, reason, refusal, request } from "./api.js";
import { t } from "./i18n.js";
import { sleep } from "./sse.js";

/** Browsers have six connections for one host; a player and two streams need some. */
const AT_ONCE = 2;
const TRIES = 8;
const LONGEST_PAUSE_MS = 15_000;

/** @typedef {import("./types.d.ts").Upload} Upload */
/** @typedef {import("./types.d.ts").JobChoices} JobChoices */
/** @typedef {import("./types.d.ts").Job} Job */

class Uploads extends EventTarget {
  /** @type {Upload[]} */
  all = [];
  /** Recordings that were sent from here, by their jobs: for players and retries. @type {Map<string, File>} */
  files = new Map();

  /** @param {File} file @param {JobChoices} choices */
  addFile(file, choices) {
    this.#add({ ...fresh(file.name, choices), file, total: file.size });
  }

  /** @param {string} url @param {JobChoices} choices */
  addUrl(url, choices) {
    this.#add({ ...fresh(url, choices), url });
  }

  /** @param {Upload} upload */
  cancel(upload) {
    upload.xhr?.abort();
    this.all = this.all.filter((other) => other !== upload);
    this.#changed();
    this.#next();
  }

  /** @param {Upload} upload */
  retry(upload) {
    Object.assign(upload, { state: "waiting", error: "", tries: 0, key: randomKey() });
    this.#changed();
    this.#next();
  }

  get isBusy() {
    return this.all.some((upload) => upload.state !== "failed");
  }

  /** @param {Upload} upload */
  #add(upload) {
    upload.isAlone = this.all.length === 0;
    for (const other of this.all) other.isAlone = false;
    this.all = [...this.all, upload];
    this.#changed();
    this.#next();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #next() {
    const active = this.all.filter((upload) => upload.state !== "waiting" && upload.state !== "failed").length;
    for (const upload of this.all.filter((other) => other.state === "waiting").slice(0, Math.max(0, AT_ONCE - active))) {
      this.#run(upload);
    }
  }

  /** @param {Upload} upload */
  async #run(upload) {
    upload.state = upload.file ? "sending" : "fetching";
    this.#changed();
    try {
      const job = await this.#sendUntilTaken(upload);
      if (!this.all.includes(upload)) return;
      if (upload.file) this.files.set(job.id, upload.file);
      this.all = this.all.filter((other) => other !== upload);
      this.dispatchEvent(new CustomEvent("accepted", { detail: { job, isAlone: upload.isAlone } }));
    } catch (error) {
      upload.state = "failed";
      upload.error = reason(error);
    }
    this.#changed();
    this.#next();
  }

  /** Sends it again after a broken connection, under the same key: it is one job. @param {Upload} upload @returns {Promise<Job>} */
  async #sendUntilTaken(upload) {
    for (;;) {
      try {
        return upload.file ? await this.#sendFile(upload, upload.file) : await sendUrl(upload);
      } catch (error) {
        const isTemporary = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503);
        upload.tries += 1;
        if (!isTemporary || upload.tries >= TRIES || !this.all.includes(upload)) throw error;
        upload.state = "retrying";
        this.#changed();
        await sleep(error.retryAfter * 1000 || Math.min(500 * 2 ** upload.tries, LONGEST_PAUSE_MS));
        if (!this.all.includes(upload)) throw error;
        upload.state = upload.file ? "sending" : "fetching";
      }
    }
  }

  /** By XMLHttpRequest, which reports how much is sent. @param {Upload} upload @param {File} file @returns {Promise<Job>} */
  async #sendFile(upload, file) {
    const sent = key.get();
    const answer = await new Promise((done) => {
      const xhr = new XMLHttpRequest();
      upload.xhr = xhr;
      xhr.open("POST", address("jobs?queue=true"));
      for (const [name, value] of Object.entries({ ...keyHeaders(), "idempotency-key": upload.key })) xhr.setRequestHeader(name, value);
      xhr.upload.onprogress = (event) => {
        upload.loaded = event.loaded;
        upload.total = event.total;
        this.#changed();
      };
      xhr.onloadend = () => done({ status: xhr.status, body: xhr.responseText, after: xhr.getResponseHeader("retry-after") });
      xhr.send(form(file, upload.choices));
    });
    if (this.all.includes(upload)) connection.note(answer.status !== 0);
    if (answer.status === 0) throw new ApiError(0, "unreachable", t("error.unreachable"));
    if (answer.status < 400) return JSON.parse(answer.body);
    if (answer.status !== 401) throw refusal(answer.status, answer.body, answer.after);
    // The question for a key is asked where any other request asks it.
    if (key.get() === sent) await request("jobs?limit=1");
    return this.#sendFile(upload, file);
  }
}

export const uploads = new Uploads();

/** @param {Upload} upload @returns {Promise<Job>} */
function sendUrl(upload) {
  const body = { url: upload.url, ...fields(upload.choices) };
  return json("jobs?queue=true", { method: "POST", json: body, headers: { "idempotency-key": upload.key } });
}

/** @param {string} name @param {JobChoices} choices @returns {Upload} */
function fresh(name, choices) {
  const start = { file: null, url: "", loaded: 0, total: 0, error: "", xhr: null, tries: 0, isAlone: true };
  return { key: randomKey(), name, choices: { ...choices }, state: "waiting", ...start };
}

/** @param {File} file @param {JobChoices} choices */
function form(file, choices) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields(choices))) {
    form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  // Last: the service reads the options before the recording.
  form.append("file", file, file.name);
  return form;
}

/** The options as the service names them. @param {JobChoices} choices @returns {Record<string, any>} */
function fields({ model, language, task, words, formats, prompt }) {
  return {
    ...(model && { model }),
    ...(language && { language }),
    ...(task === "translate" && { task }),
    ...(words && { word_timestamps: true }),
    ...(prompt && { prompt }),
    ...(formats.length > 0 && { metadata: { formats } }),
  };
}
