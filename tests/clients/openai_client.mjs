// Calls every OpenAI-compatible route with the official Node client and holds what it makes of the answers to the truth:
// openai_client.mjs BASE_URL RECORDING TEXT GERMAN_RECORDING

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";

const OpenAI = createRequire(import.meta.url)("openai");
const [base, recording, text, german] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 });
const formats = ["json", "text", "srt", "vtt", "verbose_json"];

const transcribe = (options = {}) =>
  client.audio.transcriptions.create({ model: "whisper-1", file: fs.createReadStream(recording), ...options });

async function checkFormats() {
  const answers = {};
  for (const format of formats) answers[format] = await transcribe({ response_format: format });
  assert.equal(answers.json.text, text);
  assert.equal(answers.json.usage.type, "duration");
  assert.equal(answers.text.trim(), text);
  const { logprobs } = await transcribe({ include: ["logprobs"] });
  assert.equal(logprobs.map((token) => token.token).join("").trim(), text);
  assert.ok(logprobs.every((token) => token.logprob <= 0 && token.bytes.length > 0));
  assert.match(answers.srt, /^1\n00:00:\d\d,\d{3} --> /);
  assert.match(answers.vtt, /^WEBVTT\n\n00:00:\d\d\.\d{3} --> /);
  assert.equal(answers.verbose_json.language, "english");
  assert.equal(answers.verbose_json.segments.map((segment) => segment.text).join("").trim(), text);
  assert.equal(answers.verbose_json.words, undefined);
}

async function checkWords() {
  const options = { response_format: "verbose_json", timestamp_granularities: ["word", "segment"] };
  const both = await transcribe(options);
  assert.equal(both.words.map((word) => word.word).join(" "), text);
  assert.ok(both.segments.length > 0);
  for (const segment of both.segments) {
    const fields = ["id", "seek", "start", "end", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"];
    for (const field of fields) assert.equal(typeof segment[field], "number", field);
    assert.ok(segment.tokens.every(Number.isInteger));
  }
  const words = await transcribe({ ...options, timestamp_granularities: ["word"] });
  assert.deepEqual([words.segments, words.words], [undefined, both.words]);
}

async function checkStream() {
  const events = [];
  for await (const event of await transcribe({ stream: true })) events.push(event);
  const done = events.pop();
  assert.deepEqual([done.type, done.text], ["transcript.text.done", text]);
  assert.ok(events.every((event) => event.type === "transcript.text.delta"));
  assert.equal(events.map((event) => event.delta).join(""), text);
}

async function checkWaysToSend() {
  const data = fs.readFileSync(recording);
  const file = await OpenAI.toFile(data, "strange name.mp3", { type: "application/octet-stream" });
  const { data: answer, response } = await transcribe({
    file,
    model: "gpt-4o-mini-transcribe",
    language: "en",
    prompt: "",
    temperature: 0,
    chunking_strategy: { type: "server_vad", threshold: 0.4 },
    include: ["logprobs"],
  }).withResponse();
  assert.equal(answer.text, text);
  assert.ok(response.headers.get("x-job-id") && response.headers.get("x-request-id"));
}

async function checkTranslations() {
  for (const format of formats) {
    const file = fs.createReadStream(german);
    const answer = await client.audio.translations.create({ model: "whisper-1", file, response_format: format });
    assert.ok((answer.text ?? answer).trim().length > 0, format);
    if (format === "verbose_json") assert.equal(answer.language, "english");
  }
}

async function checkModels() {
  const list = await client.models.list();
  for (const name of [list.data[0].id, "whisper-1"]) {
    const model = await client.models.retrieve(name);
    assert.deepEqual([model.id, model.object], [name, "model"]);
  }
}

async function checkErrors() {
  const file = () => fs.createReadStream(recording);
  const refused = async (call, kind, status, param) => {
    await assert.rejects(call, (error) => {
      assert.equal(error.constructor, kind);
      assert.deepEqual([error.status, error.param], [status, param]);
      assert.ok(error.code && error.type && error.requestID && error.message);
      return true;
    });
  };
  await refused(transcribe({ response_format: "diarized_json" }), OpenAI.BadRequestError, 400, "response_format");
  await refused(transcribe({ language: "klingon" }), OpenAI.BadRequestError, 400, "language");
  await refused(transcribe({ model: "gpt-7", file: file() }), OpenAI.NotFoundError, 404, "model");
  await refused(client.models.retrieve("gpt-7"), OpenAI.NotFoundError, 404, "model");
  const text = await OpenAI.toFile(Buffer.from("no recording at all"), "a.wav");
  await refused(transcribe({ file: text }), OpenAI.APIError, 415, "file");
}

await checkFormats();
await checkWords();
await checkStream();
await checkWaysToSend();
await checkTranslations();
await checkModels();
await checkErrors();
