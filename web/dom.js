// Elements, made in one call each.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element with attributes and children. `onclick` and its like add listeners; true and false set attributes without a value or
 * leave them out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * Puts these children in place of those there are.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.flat().filter((child) => child || child === ""));
}

const SVG = "http://www.w3.org/2000/svg";

/** Paths in a square of 20, drawn with a pen. */
const ICONS = {
  plus: "M10 4v12M4 10h12",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5 17 17",
  upload: "M10 13V4M6 7.5 10 3.5l4 4M3.5 13v3h13v-3",
  download: "M10 3.5V12M6 8.5l4 4 4-4M3.5 14v2.5h13V14",
  mic: "M10 12.5a3 3 0 0 0 3-3v-4a3 3 0 0 0-6 0v4a3 3 0 0 0 3 3zM4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5",
  stop: "M5.5 5.5h9v9h-9z",
  link: "M8.5 11.5a3 3 0 0 0 4.2 0l3-3a3 3 0 0 0-4.2-4.2l-1 1M11.5 8.5a3 3 0 0 0-4.2 0l-3 3a3 3 0 0 0 4.2 4.2l1-1",
  play: "M6.5 4.2v11.6L16 10z",
  pause: "M7 4.5v11M13 4.5v11",
  back: "M4 10a6 6 0 1 0 2-4.5M6.5 2.5v3.3H10",
  forward: "M16 10a6 6 0 1 1-2-4.5M13.5 2.5v3.3H10",
  edit: "M4 16l.8-3.6L13 4.2a1.4 1.4 0 0 1 2 0l.8.8a1.4 1.4 0 0 1 0 2L7.6 15.2zM11.5 5.7l2.8 2.8",
  undo: "M7.5 4 4 7.5 7.5 11M4 7.5h7.5a4 4 0 0 1 0 8H8",
  redo: "M12.5 4 16 7.5 12.5 11M16 7.5H8.5a4 4 0 0 0 0 8H12",
  copy: "M7 7V3.5h9.5V13H13M3.5 7H13v9.5H3.5z",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5",
  close: "M5 5l10 10M15 5 5 15",
  retry: "M15.5 6.5A6.5 6.5 0 1 0 16.5 11M16 3v3.8h-3.8",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  arrow: "M12 4 6 10l6 6",
  key: "M12.5 11.5a4 4 0 1 0-3.7-2.6L3.5 14.2v2.3h2.8v-2h2v-2h1.6l.6-.6",
};

/** @typedef {keyof typeof ICONS} Icon */

/**
 * A drawing beside a text, which readers of the page by ear pass over.
 * @param {Icon} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button that shows a drawing; its name is read out and shown as a tip.
 * @param {Icon} name
 * @param {string} label
 * @param {Record<string, any>} [props]
 */
export function iconButton(name, label, props = {}) {
  return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, ...props }, icon(name));
}

/**
 * Whether keys belong to the element that has the focus.
 * @param {EventTarget | null} target
 */
export function takesKeys(target) {
  return target instanceof Element && target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
}

/** Says something to readers of the page by ear. @param {string} text */
export function announce(text) {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}
