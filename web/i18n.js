// Texts in the reader's language, and times and sizes as that language writes them.

import { de } from "./de.js";
import { en } from "./en.js";
import { prefs } from "./prefs.js";

/** @typedef {string | { one: string, other: string }} Message */

/** @type {Record<string, Record<string, Message>>} */
const TABLES = { en, de };
export const LANGUAGES = { en: "English", de: "Deutsch" };

/** The language that was chosen here or, before that, in the browser. @returns {"en" | "de"} */
export function language() {
  const wanted = prefs.get("language") ?? navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in TABLES);
  return wanted === "de" ? "de" : "en";
}

/**
 * A text of the table. `{name}` stands for a parameter; `n` picks singular or plural.
 * @param {string} key
 * @param {Record<string, string | number>} [params]
 */
export function t(key, params = {}) {
  const message = TABLES[language()][key] ?? en[key] ?? key;
  const form = typeof message === "string" ? message : message[plural(Number(params.n))];
  return form.replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? ""));
}

/** Formatters take long to make. @type {Map<string, any>} */
const made = new Map();

/** @template T @param {string} name @param {(language: string) => T} make @returns {T} */
function once(name, make) {
  const key = `${name} ${language()}`;
  if (!made.has(key)) made.set(key, make(language()));
  return made.get(key);
}

/** @param {number} n @returns {"one" | "other"} */
function plural(n) {
  return once("plural", (language) => new Intl.PluralRules(language)).select(n) === "one" ? "one" : "other";
}

/** Whether there is such a text. @param {string} key */
export function has(key) {
  return key in en;
}

/** @param {number} n */
export function number(n, digits = 0) {
  return once(`number ${digits}`, (language) => new Intl.NumberFormat(language, { maximumFractionDigits: digits })).format(n);
}

/** @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${number(bytes, bytes < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A place in a recording: 1:02:03. @param {number} secs */
export function clock(secs) {
  const whole = Math.max(0, Math.floor(secs));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** How long something takes, roughly. @param {number} secs */
export function span(secs) {
  if (secs < 60) return t("span.secs", { n: Math.max(1, Math.round(secs)) });
  if (secs < 3600) return t("span.mins", { n: Math.round(secs / 60) });
  return t("span.hours", { n: number(secs / 3600, 1) });
}

/** Texts as the language sorts them. @returns {(a: string, b: string) => number} */
export function collate() {
  return once("collator", (language) => new Intl.Collator(language)).compare;
}

/** @param {string} rfc3339 */
export function moment(rfc3339) {
  const date = new Date(rfc3339);
  const today = date.toDateString() === new Date().toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return once(`moment ${today}`, (language) => new Intl.DateTimeFormat(language, style)).format(date);
}

/** A time of day with its seconds. @param {string | number} at */
export function timeOfDay(at) {
  return once("time", (language) => new Intl.DateTimeFormat(language, { timeStyle: "medium" })).format(new Date(at));
}

/** The name of a spoken language. @param {string} code */
export function spoken(code) {
  if (code === "multi") return t("option.multi");
  const known = { jw: "jv", tl: "fil" }[code] ?? code;
  const names = once("spoken", (language) => new Intl.DisplayNames([language], { type: "language" }));
  const name = names.of(known) ?? code;
  // Some browsers have no names for languages that few use.
  return name === code && has(`spoken.${code}`) ? t(`spoken.${code}`) : name;
}
