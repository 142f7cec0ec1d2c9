// Shapes of what the API answers, for the type checker alone: this file is not served.

export interface Failure { code: string; message: string }

export interface Word { word: string; start: number; end: number; probability: number }

export interface Segment {
  id?: number; start: number; end: number; text: string; speaker?: string | null;
  words: Word[] | null; flags?: string[]; channel?: number;
}

export interface Result {
  language: string | null; language_probability?: number; duration_secs: number; text: string; segments: Segment[]; revision?: number;
}

export interface Job {
  id: string; status: "queued" | "running" | "completed" | "failed" | "cancelled";
  created_at: string; started_at: string | null; finished_at: string | null;
  audio: { filename: string | null; bytes: number; sha256: string; duration_secs: number | null };
  options: Record<string, any>; metadata: any;
  progress: { percent: number; chunk: number; chunks_total: number; processed_secs: number; eta_secs: number | null } | null;
  queue: { position: number; eta_secs: number | null } | null;
  attempts: number; warnings?: string[]; error: Failure | null; result: Result | null; waiting_for?: Failure | null;
}

export interface Waiting { needed_bytes: number; free_bytes: number; attempts: number; next_retry_at: string }

export interface KnownModel {
  id: string; path: string; bytes: number | null; multilingual: boolean | null; default: boolean; state: string; error: Failure | null;
}

export interface ModelStatus {
  state: string; model: { id: string; path: string; bytes: number | null; multilingual: boolean | null } | null; models: KnownModel[];
  device: { backend: string; name: string } | null;
  memory: { total_bytes: number; free_bytes: number; used_by_model_bytes: number; residual_bytes: number };
  idle: { timeout_secs: number; for_secs: number | null; unloads_at: string | null };
  waiting: Waiting | null; error: Failure | null; since: string; held_until: string | null;
}

export interface Pull { name: string; state: string; bytes: number; total_bytes: number | null; error: Failure | null }

export interface JobChoices { model: string; language: string; task: string; words: boolean; formats: string[]; prompt: string }

export interface Upload {
  key: string; name: string; file: File | null; url: string; choices: JobChoices; loaded: number; total: number;
  state: "waiting" | "sending" | "fetching" | "retrying" | "failed"; error: string; xhr: XMLHttpRequest | null; tries: number;
  /** Whether no other was on its way with it. */
  isAlone: boolean;
}
