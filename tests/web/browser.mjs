// What the tests of the web page share: a browser, what it must never do, and a service that can be killed.
//
//   node NAME.mjs http://127.0.0.1:8090

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");

/** A test that hangs should say where. */
const HANG_GUARD_MS = 60_000;
const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const base = process.argv[2] ?? "http://127.0.0.1:8090";
export const audio = (name) => fileURLToPath(new URL(`../fixtures/audio/${name}`, import.meta.url));

/**
 * Opens the page in a browser of its own and runs a test in it. Whatever the test does, the page must load nothing from other
 * hosts, violate no policy and throw nothing.
 */
export async function inBrowser(test, { args = [], path = "", ...options } = {}) {
  const program = process.env.CHROMIUM ?? PROGRAMS.find((name) => existsSync(name));
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--mute-audio", "--autoplay-policy=no-user-gesture-required", ...args] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-US", ...options });
  context.setDefaultTimeout(HANG_GUARD_MS);
  const faults = [];
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => console.error(`policy: ${violatedDirective} ${blockedURI}`));
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(base).origin && !["blob:", "data:"].includes(url.protocol)) faults.push(`request to ${url}`);
  });
  context.on("weberror", ({ error }) => {
    faults.push(error().stack);
  });
  context.on("console", (message) => {
    if (/policy/i.test(message.text())) faults.push(message.text());
  });
  const page = await context.newPage();
  try {
    await page.goto(`${base}/${path}`);
    await test(page, context);
    assert.deepEqual(faults, []);
  } catch (error) {
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
    console.error(faults.join("\n"), await page.locator("body").innerText().catch(() => "the page is gone"));
    throw error;
  } finally {
    await browser.close();
  }
}

/** Waits until a check holds. */
export async function until(what, check) {
  const giveUp = Date.now() + HANG_GUARD_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    assert.ok(Date.now() < giveUp, `never: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Sends a bundled recording by the page. */
export async function send(page, ...names) {
  await page.locator("#new").click();
  await page.locator("#files").setInputFiles(names.map(audio));
}

/** Waits until the transcript of the job that is shown is complete. */
export async function finished(page) {
  await page.locator("#find").waitFor();
}

/** The id of the job that is shown. */
export function shownJob(page) {
  return new URL(page.url()).hash.split("/").pop();
}

/** The text of each segment that is shown, without its flags. */
export function texts(page) {
  return page.locator("#transcript .text").evaluateAll((all) =>
    all.map((text) => [...text.childNodes].filter((node) => node.className !== "flag").map((node) => node.textContent).join("")),
  );
}

/** A request of the test's own. */
export async function api(path, options) {
  const answer = await fetch(`${base}/${path}`, options);
  return answer.status === 204 ? null : answer.json();
}

/** Queues a bundled recording and gives the job's id. */
export async function queue(name, fields = {}) {
  const { openAsBlob } = await import("node:fs");
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append("file", await openAsBlob(audio(name)), name);
  return (await api("jobs?queue=true", { method: "POST", body: form })).id;
}

/** Waits until a job is over, and gives it. */
export async function over(id) {
  return until(`${id} is over`, async () => {
    const job = await api(`jobs/${id}`);
    return job.finished_at && job;
  });
}

/** Asks the test that started this one to do something with the service, and waits until that is done. */
export function ask(what) {
  return new Promise((done) => {
    process.stdin.ref();
    const lines = createInterface({ input: process.stdin });
    lines.once("line", () => {
      lines.close();
      // Nothing else is waited for: the test may end.
      process.stdin.unref();
      done();
    });
    console.log(what);
  });
}
