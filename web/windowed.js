// A list of which only the rows in sight are elements: ten thousand of them would make scrolling slow.

import { h } from "./dom.js";

/** As in layout.css. */
const ROW_PX = 58;
/** Rows above and below those in sight. */
const BEYOND = 12;

/** @template T */
export class WindowedList {
  /** @type {T[]} */
  items = [];
  /** @type {Map<string, { key: string, row: HTMLElement }>} */
  #rows = new Map();
  #frame = 0;

  /**
   * @param {Record<string, any>} props of the list
   * @param {(item: T) => string} idOf
   * @param {(item: T) => string} keyOf what a row shows: it is rebuilt when that changes
   * @param {(item: T, row: HTMLElement) => void} fillRow
   * @param {AbortSignal} closed
   */
  constructor(props, idOf, keyOf, fillRow, closed) {
    this.view = h("ul", { role: "list", ...props });
    this.idOf = idOf;
    this.keyOf = keyOf;
    this.fillRow = fillRow;
    // Whichever element scrolls: at phone width it is another one.
    const moved = (/** @type {Event} */ { target }) => /** @type {Node} */ (target).contains(this.view) && this.#soon();
    document.addEventListener("scroll", moved, { capture: true, passive: true, signal: closed });
    addEventListener("resize", () => this.#soon(), { signal: closed });
    // It is shown again after another view at phone width.
    new ResizeObserver(() => this.#soon()).observe(this.view);
  }

  /** @param {T[]} items */
  show(items) {
    this.items = items;
    this.view.style.height = `${items.length * ROW_PX}px`;
    this.draw();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  draw() {
    const { top } = this.view.getBoundingClientRect();
    const first = Math.max(0, Math.floor(-top / ROW_PX) - BEYOND);
    const last = Math.min(this.items.length, Math.ceil((innerHeight - top) / ROW_PX) + BEYOND);
    /** @type {Map<string, { key: string, row: HTMLElement }>} */
    const rows = new Map();
    for (let at = first; at < last; at += 1) rows.set(this.idOf(this.items[at]), this.#row(this.items[at], at));
    for (const [id, old] of this.#rows) {
      if (rows.has(id)) continue;
      // The row with the focus stays, so that keys go on from it.
      const at = old.row.contains(document.activeElement) ? this.items.findIndex((item) => this.idOf(item) === id) : -1;
      if (at >= 0) rows.set(id, this.#row(this.items[at], at));
      else old.row.remove();
    }
    this.#rows = rows;
    const inOrder = [...rows.values()].map(({ row }) => row).sort((a, b) => Number(a.ariaPosInSet) - Number(b.ariaPosInSet));
    inOrder.forEach((row, at) => this.view.children[at] !== row && this.view.insertBefore(row, this.view.children[at] ?? null));
  }

  /** @param {T} item @param {number} at */
  #row(item, at) {
    const id = this.idOf(item);
    const key = this.keyOf(item);
    const old = this.#rows.get(id);
    const row = old?.row ?? h("li", { "data-id": id });
    row.ariaPosInSet = String(at + 1);
    row.ariaSetSize = String(this.items.length);
    row.style.transform = `translateY(${at * ROW_PX}px)`;
    if (old?.key !== key) {
      const focused = row.contains(document.activeElement) ? document.activeElement?.tagName : undefined;
      this.fillRow(item, row);
      if (focused) /** @type {HTMLElement | null} */ (row.querySelector(focused))?.focus();
    }
    return { key, row };
  }
}
