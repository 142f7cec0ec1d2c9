// Requests to the service: the key, errors, and whether it answers at all.

import { t } from "./i18n.js";

/** Relative to the page, so that a proxy may serve both below a path. */
const ROOT = new URL(".", document.baseURI);
const STORED_KEY = "verbatim.key";

/** An answer that is not the one that was asked for. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string | null} [param] @param {number} [retryAfter] */
  constructor(status, code, message, param = null, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }
}

/** Event `change`: `reachable` has changed. Event `key`: the API key has changed. */
export const connection = new (class extends EventTarget {
  reachable = true;
  /** @param {boolean} reachable */
  note(reachable) {
    if (reachable === this.reachable) return;
    this.reachable = reachable;
    this.dispatchEvent(new Event("change"));
  }
})();

/** @type {(error: ApiError) => Promise<void>} */
let askForKey = async (error) => {
  throw error;
};

/** What to do when the service asks for a key. @param {(error: ApiError) => Promise<void>} ask resolves once there is one */
export function whenKeyIsMissing(ask) {
  askForKey = ask;
}

export const key = {
  get: () => sessionStorage.getItem(STORED_KEY) ?? "",
  /** @param {string} value */
  set(value) {
    if (value) sessionStorage.setItem(STORED_KEY, value);
    else sessionStorage.removeItem(STORED_KEY);
    connection.dispatchEvent(new Event("key"));
  },
};

/** @param {string} path without a slash at its beginning */
export function address(path) {
  return new URL(path, ROOT).href;
}

/** @returns {Record<string, string>} */
export function keyHeaders() {
  return key.get() ? { authorization: `Bearer ${key.get()}` } : {};
}

/**
 * Sends a request, again once the reader has given a key where one is missing.
 * @param {string} path
 * @param {{ method?: string, json?: any, headers?: Record<string, string>, signal?: AbortSignal, cache?: RequestCache }} [options]
 * @returns {Promise<Response>} an answer below 400
 */
export async function request(path, options = {}) {
  const { json, headers = {}, ...rest } = options;
  for (;;) {
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    /** @type {Record<string, string>} */
    const type = json === undefined ? {} : { "content-type": "application/json" };
    const sent = key.get();
    let answer;
    try {
      answer = await fetch(address(path), { ...rest, ...body, headers: { ...type, ...keyHeaders(), ...headers } });
    } catch (error) {
      if (rest.signal?.aborted) throw error;
      connection.note(false);
      throw new ApiError(0, "unreachable", t("error.unreachable"));
    }
    connection.note(true);
    if (answer.ok || answer.status === 304) return answer;
    const error = refusal(answer.status, await answer.text(), answer.headers.get("retry-after"));
    if (answer.status !== 401) throw error;
    if (key.get() === sent) await askForKey(error);
  }
}

/** The JSON of an answer. @param {string} path @param {Parameters<typeof request>[1]} [options] @returns {Promise<any>} */
export async function json(path, options) {
  const answer = await request(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** @param {number} status @param {string} body @param {string | null} retryAfter */
export function refusal(status, body, retryAfter = null) {
  try {
    const { message, code, param } = JSON.parse(body).error;
    return new ApiError(status, code, message, param, Number(retryAfter) || 0);
  } catch {
    return new ApiError(status, "unexpected", t("error.status", { status }), null, Number(retryAfter) || 0);
  }
}

/** @param {unknown} error */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/** A name that no other request has; also where the page is not served securely. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
