// What the reader chose, kept in this browser.

const PREFIX = "verbatim.";

export const prefs = {
  /** @param {string} name @returns {any} undefined where nothing was chosen, or the browser keeps nothing */
  get(name) {
    try {
      const text = localStorage.getItem(PREFIX + name);
      return text === null ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  },

  /** @param {string} name @param {any} value */
  set(name, value) {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // A browser that keeps nothing shows the defaults next time.
    }
  },
};

/** Light, dark, or as the system has it. */
export const THEMES = ["auto", "light", "dark"];

export function theme() {
  const chosen = prefs.get("theme");
  return THEMES.includes(chosen) ? chosen : "auto";
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
  dispatchEvent(new Event("theme"));
}

/** For what a canvas shows: another theme is chosen, or the system changes. @param {() => void} draw @param {AbortSignal} closed */
export function whenColoursChange(draw, closed) {
  addEventListener("theme", draw, { signal: closed });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal: closed });
}
