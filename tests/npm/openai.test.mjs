// OpenAI's own client for Node against a real hostler: what people's programs already do must work unchanged.
//
// Run by ctest. By hand: HOSTLER_BUILD=build/dev/bin node --test tests/npm/openai.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.resolve(process.env.HOSTLER_BUILD ?? path.join(root, "build/dev/bin"));
const packages = process.env.HOSTLER_NPM ?? path.join(root, "build/npm");
const require = createRequire(path.join(packages, "package.json"));
const { default: OpenAI, toFile } = await import(pathToFileURL(require.resolve("openai")));

// What may be said: PocketSphinx tells these apart, it does not take down whatever is said.
const grammar = "#JSGF V1.0; grammar p; public <p> = three one four | nine two six | good morning;";

// A tiny model that says "one two three four", whatever it hears (tests/models/tiny_whisper.py).
const weights = path.join(bin, "../models/tiny_whisper/ggml-tiny-test.bin");
const whisper = existsSync(path.join(bin, "hostler-engine-whisper")) && existsSync(weights);

let home, daemon, client;

before(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), "hostler-test-"));
  await writeFile(path.join(home, "hostler.toml"), `
[engines]
threads = 1
[[model]]
id = "lab/voice"
type = "tts"
engine = ${JSON.stringify(path.join(bin, "hostler-engine-fake"))}
options = { chunks = 20, chunk_ms = 50 }
` + (whisper ? `
[[model]]
id = "tiny-whisper"
type = "stt"
engine = "hostler-engine-whisper"
path = ${JSON.stringify(weights)}
` : ""));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOSTLER_")));
  daemon = spawn(path.join(bin, "hostler"), ["serve", "--port", "0", "--home", home], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  process.once("exit", () => daemon.kill("SIGKILL"));
  const [line] = await once(readline.createInterface(daemon.stdout), "line");
  const url = /^hostler is listening on (http:.*)$/.exec(line)[1];
  client = new OpenAI({ baseURL: url + "/v1", apiKey: "none is needed", maxRetries: 0 });
});

after(async () => {
  daemon.kill("SIGTERM");
  const [status] = await once(daemon, "exit");
  assert.equal(status, 0);
  assert.deepEqual(await readdir(path.join(home, "run", "engines")), []);
  await rm(home, { recursive: true });
});

async function say(input, format = "wav", more = {}) {
  const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input, response_format: format, ...more });
  return Buffer.from(await answer.arrayBuffer());
}

describe("speech", () => {
  it("makes an mp3", async () => {
    const audio = await say("three one four", "mp3");
    assert.ok(audio.subarray(0, 3).equals(Buffer.from("ID3")) || audio[0] === 0xff);
    assert.ok(audio.length > 1000);
  });

  it("makes a wav", async () => {
    const audio = await say("three one four");
    assert.equal(audio.subarray(0, 4).toString(), "RIFF");
    assert.equal(audio.subarray(8, 12).toString(), "WAVE");
  });

  it("streams while the model still speaks", async () => {
    const answer = await client.audio.speech.create({ model: "lab/voice", voice: "fake-1", input: "hello", response_format: "pcm" });
    assert.equal(answer.headers.get("content-type"), "audio/pcm");
    let pieces = 0, bytes = 0;
    for await (const piece of answer.body) {
      pieces += 1;
      bytes += piece.length;
    }
    assert.ok(pieces >= 3, `${pieces} pieces`);
    assert.equal(bytes, 20 * 1600 * 2 * 24000 / 16000);
  });

  it("comes as server-sent events", async () => {
    const ask = { model: "lab/voice", voice: "fake-1", input: "hello", response_format: "pcm" };
    const answer = await client.audio.speech.create({ ...ask, stream_format: "sse" });
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    const events = (await answer.text()).split("\n").filter((line) => line.startsWith("data: ")).map((line) => JSON.parse(line.slice(6)));
    assert.deepEqual(events.pop(), { type: "speech.audio.done" });
    assert.ok(events.length >= 3 && events.every((event) => event.type === "speech.audio.delta"));
    const audio = Buffer.concat(events.map((event) => Buffer.from(event.audio, "base64")));
    assert.equal(audio.length, 20 * 1600 * 2 * 24000 / 16000);
  });

  it("can be given up", async () => {
    const controller = new AbortController();
    const answer = await client.audio.speech.create({ model: "lab/voice", voice: "fake-1", input: "hello", response_format: "pcm" }, { signal: controller.signal });
    const reader = answer.body.getReader();
    await reader.read();
    controller.abort();
    await assert.rejects(async () => { while (!(await reader.read()).done); }, { name: "AbortError" });
  });
});

describe("transcriptions", () => {
  const hear = async (more) => client.audio.transcriptions.create({ model: "whisper-1", file: await toFile(await say("three one four", "mp3"), "a.mp3"), grammar, ...more });

  it("answers with a text", async () => {
    assert.deepEqual({ ...(await hear()) }.text, "three one four");
  });

  it("answers with times of words", async () => {
    const heard = await hear({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
    assert.equal(heard.text, "three one four");
    assert.deepEqual(heard.words.map((word) => word.word), ["three", "one", "four"]);
    assert.ok(heard.words.every((word) => word.end > word.start));
    assert.ok(heard.segments.length >= 1 && heard.duration > 0.5);
  });

  it("tells the text while it is heard", async () => {
    const events = [];
    for await (const event of await hear({ stream: true })) events.push(event);
    assert.equal(events.at(-1).type, "transcript.text.done");
    assert.equal(events.at(-1).text, "three one four");
    const deltas = events.slice(0, -1);
    assert.ok(deltas.length >= 1 && deltas.every((event) => event.type === "transcript.text.delta"));
    assert.equal(deltas.map((event) => event.delta).join(""), "three one four");
  });

  it("says what a stream cannot do", async () => {
    await assert.rejects(hear({ stream: true, response_format: "srt" }), { status: 400, param: "stream" });
  });

  it("hears with whisper, where it is built in", { skip: !whisper }, async () => {
    const file = await toFile(await say("hello there, ".repeat(10), "mp3"), "a.mp3");
    const create = (more) => client.audio.transcriptions.create({ model: "tiny-whisper", file, ...more });
    const heard = await create({ response_format: "verbose_json", timestamp_granularities: ["word"] });
    assert.deepEqual(heard.words.map((word) => word.word), ["one", "two", "three", "four"]);
    assert.equal(heard.language, "de");
    const events = [];
    for await (const event of await create({ stream: true })) events.push(event);
    assert.deepEqual(events.map((event) => event.delta), ["one two", " three four", undefined]);
    const translated = await client.audio.translations.create({ model: "tiny-whisper", file });
    assert.equal(translated.text, "café au lait");
  });

  it("answers with subtitles", async () => {
    assert.match(await hear({ response_format: "srt" }), /^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nthree one four\n/);
    assert.match(await hear({ response_format: "vtt" }), /^WEBVTT\n\n00:00/);
    assert.equal(await hear({ response_format: "text" }), "three one four\n");
  });
});

describe("models", () => {
  it("are listed", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    for (const id of ["espeak", "flite", "pocketsphinx", "lab/voice"]) assert.ok(ids.includes(id), `${id} in ${ids}`);
  });

  it("are found by an id with a slash", async () => {
    const model = await client.models.retrieve("lab/voice");
    assert.deepEqual([model.id, model.object, model.owned_by], ["lab/voice", "model", "hostler/custom"]);
  });
});

describe("errors", () => {
  const isError = (type, status, code, param) => (error) => {
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.deepEqual([error.status, error.code, error.param], [status, code, param]);
    assert.equal(error.type, "invalid_request_error");
    return true;
  };

  it("unknown model", async () => {
    await assert.rejects(say("hi", "wav", { model: "nobody" }), isError(OpenAI.NotFoundError, 404, "model_not_found", "model"));
    await assert.rejects(client.models.retrieve("no/body"), isError(OpenAI.NotFoundError, 404, "model_not_found", "model"));
  });

  it("a value out of range", async () => {
    await assert.rejects(say("hi", "wav", { speed: 9 }), isError(OpenAI.UnprocessableEntityError, 422, "validation_error", "speed"));
  });

  it("nothing to say", async () => {
    await assert.rejects(say(" "), isError(OpenAI.BadRequestError, 400, "bad_request", "input"));
  });

  it("a file that is no audio", async () => {
    const file = await toFile(Buffer.from("this is a text"), "a.wav");
    await assert.rejects(client.audio.transcriptions.create({ model: "whisper-1", file }), (error) => error instanceof OpenAI.BadRequestError && error.param === "file");
  });
});
