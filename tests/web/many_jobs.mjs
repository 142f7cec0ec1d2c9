// Jobs for a page that has many: they are answered here, not by a service.

/** Answers lists of `count` jobs, newest first, and the transcript of one with `words` words. */
export async function pretend(page, { count = 0, words = 0 }) {
  const name = (number) => `recording ${number}.wav`;
  const id = (number) => `01a2${String(number).padStart(4, "0")}-0000-7000-8000-${String(number).padStart(12, "0")}`;
  const job = (number) => ({
    id: id(number),
    status: "completed",
    created_at: new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString(),
    started_at: new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString(),
    finished_at: new Date(Date.UTC(2026, 0, 1, 0, number, 30)).toISOString(),
    audio: { filename: name(number), bytes: 1_000_000, sha256: "", duration_secs: 7200 },
    options: { model: "base", language: "en", task: "transcribe", word_timestamps: true },
    metadata: null,
    progress: null,
    queue: null,
    attempts: 1,
    error: null,
    result: null,
  });
  const asked = [];
  await page.route(/\/jobs\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    asked.push(Object.fromEntries(query));
    const wanted = query.get("q");
    const before = query.has("cursor") ? Number(query.get("cursor")) : count;
    const numbers = Array.from({ length: before }, (_, i) => before - 1 - i).filter((number) => !wanted || name(number).includes(wanted));
    const limit = Number(query.get("limit"));
    const shown = numbers.slice(0, limit);
    return route.fulfill({ json: { jobs: shown.map(job), next_cursor: numbers.length > limit ? String(shown.at(-1)) : null } });
  });
  const segments = Array.from({ length: Math.ceil(words / 12) }, (_, at) => {
    const spelled = Array.from({ length: 12 }, (_, i) => ["down", "seven", "yesterday", "nine", "perhaps", "hello"][(at + i * 5) % 6]);
    const start = (at * 7200 * 12) / words;
    const timed = spelled.map((word, i) => ({ word: ` ${word}`, start: start + i * 0.5, end: start + i * 0.5 + 0.4, probability: (at + i) % 40 ? 0.9 : 0.3 }));
    return { id: at, start, end: start + 6, text: timed.map(({ word }) => word).join(""), words: timed, flags: [], speaker: at % 7 > 3 ? "Anna" : "Berta" };
  });
  await page.route(/\/jobs\/01a2[^/?]+$/, (route) =>
    route.fulfill({ json: { ...job(0), result: { language: "en", duration_secs: 7200, text: "", segments } } }),
  );
  return { asked, id };
}
