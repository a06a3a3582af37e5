// OpenAI's own client for Node talks with a language model through a real hostler: plain, streamed, with tools, with a schema, with
// Responses. The model is tiny and random; a grammar makes it say something that can be looked at.
//
// Run by ctest. By hand: HOSTLER_BUILD=build/dev/bin node --test tests/npm/openai_chat.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.resolve(process.env.HOSTLER_BUILD ?? path.join(root, "build/dev/bin"));
const packages = process.env.HOSTLER_NPM ?? path.join(root, "build/npm");
const require = createRequire(path.join(packages, "package.json"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")));

const tiny = path.join(bin, "../models/tiny_llama/tiny-llama.gguf");
const template = path.join(bin, "../../third_party/llama.cpp/models/templates/openai-gpt-oss-120b.jinja");

let home, daemon, client;

before(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), "hostler-test-"));
  const model = (id, options) => `
[[model]]
id = "${id}"
type = "llm"
engine = "llama-server"
path = ${JSON.stringify(path.resolve(tiny))}
options = { ${options} }
`;
  await writeFile(path.join(home, "hostler.toml"),
    "[engines]\nthreads = 1\n" + model("tiny", "") + model("lab/tools", `chat_template = ${JSON.stringify(path.resolve(template))}`));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOSTLER_")));
  environment.HOSTLER_GGML_CPU = path.join(path.dirname(realpathSync(path.join(bin, "llama-server"))), "libggml-cpu-haswell.so");
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

const hello = { model: "tiny", messages: [{ role: "user", content: "hello" }], max_tokens: 10, seed: 3 };
const paint = {
  type: "function",
  function: {
    name: "paint",
    parameters: { type: "object", properties: { colour: { type: "string", enum: ["red", "blue"] } }, required: ["colour"] },
  },
};

describe("chat", () => {
  it("answers", async () => {
    const answer = await client.chat.completions.create(hello);
    assert.equal(answer.model, "tiny");
    assert.equal(answer.usage.completion_tokens, 10);
    assert.ok(answer.choices[0].message.content.length > 0);
  });

  it("streams the same, piece by piece", async () => {
    const whole = (await client.chat.completions.create(hello)).choices[0].message.content;
    let text = "", pieces = 0;
    for await (const chunk of await client.chat.completions.create({ ...hello, stream: true })) {
      const piece = chunk.choices[0]?.delta?.content;
      if (piece) pieces += 1;
      text += piece ?? "";
    }
    assert.equal(text, whole);
    assert.ok(pieces > 2, `${pieces} pieces`);
  });

  it("calls a tool in a stream", async () => {
    const runner = client.chat.completions.stream({ model: "lab/tools", messages: hello.messages, tools: [paint], tool_choice: "required", max_tokens: 300, seed: 1 });
    const answer = await runner.finalChatCompletion();
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    const call = answer.choices[0].message.tool_calls[0].function;
    assert.equal(call.name, "paint");
    assert.ok(["red", "blue"].includes(JSON.parse(call.arguments).colour));
  });

  it("follows a schema", async () => {
    const schema = { type: "object", properties: { size: { enum: ["small", "large"] } }, required: ["size"], additionalProperties: false };
    const answer = await client.chat.completions.parse({
      ...hello, max_tokens: 100, response_format: { type: "json_schema", json_schema: { name: "size", strict: true, schema } },
    });
    assert.ok(["small", "large"].includes(JSON.parse(answer.choices[0].message.content).size));
  });

  it("can be stopped", async () => {
    const stream = await client.chat.completions.create({ ...hello, stream: true, max_tokens: 1000 });
    for await (const chunk of stream) if (chunk.choices.length > 0) break;
    assert.equal((await client.chat.completions.create(hello)).choices.length, 1);
  });

  it("refuses with a reason that the client understands", async () => {
    await assert.rejects(client.chat.completions.create({ ...hello, model: "nobody" }), (error) => error instanceof OpenAI.NotFoundError && error.param === "model");
    await assert.rejects(client.chat.completions.create({ ...hello, messages: [{ role: "user", content: "long ".repeat(3000) }] }),
      (error) => error instanceof OpenAI.BadRequestError && error.code === "context_length_exceeded");
  });
});

describe("completions and responses", () => {
  it("goes on with a text", async () => {
    const answer = await client.completions.create({ model: "tiny", prompt: "the cat", max_tokens: 5 });
    assert.ok(answer.choices[0].text.length > 0);
  });

  it("streams completions of several prompts", async () => {
    const seen = new Set();
    for await (const chunk of await client.completions.create({ model: "tiny", prompt: ["the cat", "a dog"], max_tokens: 4, stream: true })) {
      for (const choice of chunk.choices) seen.add(choice.index);
    }
    assert.deepEqual([...seen].sort(), [0, 1]);
  });

  it("answers as Responses, whole and streamed", async () => {
    const answer = await client.responses.create({ model: "tiny", input: "hello", max_output_tokens: 6 });
    assert.ok(answer.output_text.length > 0);
    const kinds = [];
    for await (const event of await client.responses.create({ model: "tiny", input: "hello", max_output_tokens: 6, stream: true })) kinds.push(event.type);
    assert.equal(kinds[0], "response.created");
    assert.ok(kinds.includes("response.output_text.delta"));
  });
});
