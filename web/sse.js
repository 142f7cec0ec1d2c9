// Server-sent events by fetch, so that the key travels in a header. A stream that breaks is taken up where it broke.

import { ApiError, reason, request } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/**
 * @typedef {object} Follower
 * @property {(name: string, data: any, id: string) => void} onEvent
 * @property {(connected: boolean) => void} [onState]
 * @property {(error: ApiError) => void} [onRefused] the service answers that there is no such stream
 * @property {string} [lastId]
 * @property {(name: string) => boolean} [isLast]
 */

/**
 * Follows a stream until its last event, or until it is closed. A page that is out of sight lets go of its connection, of which
 * browsers have six for all pages together, and catches up later.
 * @param {string} path
 * @param {Follower} follower
 * @returns {{ close: () => void }}
 */
export function follow(path, follower) {
  const closing = new AbortController();
  run(path, follower, closing.signal).catch((error) => {
    if (!closing.signal.aborted) follower.onRefused?.(error instanceof ApiError ? error : new ApiError(0, "unexpected", reason(error)));
  });
  return { close: () => closing.abort() };
}

/** @param {string} path @param {Follower} follower @param {AbortSignal} closed */
async function run(path, follower, closed) {
  let lastId = follower.lastId ?? "";
  let pause = FIRST_PAUSE_MS;
  let isOver = false;
  while (!closed.aborted && !isOver) {
    await inSight(closed);
    if (closed.aborted) return;
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    const signal = AbortSignal.any([closed, hidden.signal]);
    try {
      const headers = { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) };
      const answer = await request(path, { headers, signal, cache: "no-store" });
      follower.onState?.(true);
      for await (const event of events(answer)) {
        pause = FIRST_PAUSE_MS;
        if (event.id) lastId = event.id;
        isOver = follower.isLast?.(event.name) ?? false;
        follower.onEvent(event.name, JSON.parse(event.data), event.id);
        if (isOver || closed.aborted) return;
      }
    } catch (error) {
      const isTemporary = !(error instanceof ApiError) || error.status === 0 || error.status === 429 || error.status >= 500;
      if (!isTemporary) throw error;
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
    if (closed.aborted) return;
    follower.onState?.(false);
    if (!hidden.signal.aborted) await sleep(pause, closed);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** @param {Response} answer */
async function* events(answer) {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { id: "", name: "message", data: "" };
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          if (event.data) yield event;
          event = { id: "", name: "message", data: "" };
        } else if (line.startsWith("id: ")) event.id = line.slice(4);
        else if (line.startsWith("event: ")) event.name = line.slice(7);
        else if (line.startsWith("data: ")) event.data += (event.data && "\n") + line.slice(6);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {AbortSignal} closed @returns {Promise<void>} */
function inSight(closed) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    const check = () => {
      if (document.hidden && !closed.aborted) return;
      document.removeEventListener("visibilitychange", check);
      done();
    };
    document.addEventListener("visibilitychange", check);
    closed.addEventListener("abort", check, { once: true });
  });
}

/** @param {number} ms @param {AbortSignal} [closed] @returns {Promise<void>} */
export function sleep(ms, closed) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    closed?.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
}
