// OpenAI's client and LangChain's against a real hostler: vectors as people's programs ask for them.
//
// Run by ctest. By hand: HOSTLER_BUILD=build/dev/bin node --test tests/npm/embeddings.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.resolve(process.env.HOSTLER_BUILD ?? path.join(root, "build/dev/bin"));
const packages = process.env.HOSTLER_NPM ?? path.join(root, "build/npm");
const require = createRequire(path.join(packages, "package.json"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")));
const { OpenAIEmbeddings } = await import(pathToFileURL(require.resolve("@langchain/openai")));

let home, daemon, baseURL, client;

before(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), "hostler-test-"));
  await writeFile(path.join(home, "hostler.toml"), `
[engines]
threads = 1
[[model]]
id = "lab/vectors"
type = "embedding"
engine = ${JSON.stringify(path.join(bin, "hostler-engine-fake"))}
options = { dimension = 16, context_length = 20 }
`);
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOSTLER_")));
  daemon = spawn(path.join(bin, "hostler"), ["serve", "--port", "0", "--home", home], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  process.once("exit", () => daemon.kill("SIGKILL"));
  const [line] = await once(readline.createInterface(daemon.stdout), "line");
  baseURL = /^hostler is listening on (http:.*)$/.exec(line)[1] + "/v1";
  client = new OpenAI({ baseURL, apiKey: "none is needed", maxRetries: 0 });
});

after(async () => {
  daemon.kill("SIGTERM");
  const [status] = await once(daemon, "exit");
  assert.equal(status, 0);
  await rm(home, { recursive: true });
});

// As engines/fake/README.md has it.
function vector(text, dimension = 16) {
  const counts = new Array(dimension).fill(0);
  for (const word of text.split(" ").filter(Boolean)) {
    let hash = 0xcbf29ce484222325n;
    for (const byte of new TextEncoder().encode(word)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
    counts[Number(hash % BigInt(dimension))] += 1;
  }
  const length = Math.hypot(...counts);
  return counts.map((count) => count / length);
}

function near(got, wanted) {
  assert.equal(got.length, wanted.length);
  got.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]) < 1e-6, `${x} at ${i}, expected ${wanted[i]}`));
}

it("OpenAI's client reads the vectors that it asks for in base64", async () => {
  const answer = await client.embeddings.create({ model: "lab/vectors", input: ["a cat", "two dogs and a cat"] });
  assert.equal(answer.data.length, 2);
  near(answer.data[0].embedding, vector("a cat"));
  near(answer.data[1].embedding, vector("two dogs and a cat"));
  assert.deepEqual(answer.usage, { prompt_tokens: 7, total_tokens: 7 });
});

it("… and as numbers, and shorter", async () => {
  const plain = await client.embeddings.create({ model: "lab/vectors", input: "a cat", encoding_format: "float" });
  near(plain.data[0].embedding, vector("a cat"));
  const short = await client.embeddings.create({ model: "lab/vectors", input: "one two three four", dimensions: 4 });
  assert.equal(short.data[0].embedding.length, 4);
  assert.ok(Math.abs(Math.hypot(...short.data[0].embedding) - 1) < 1e-6 || short.data[0].embedding.every((x) => x === 0));
});

it("… and its errors have their class", async () => {
  await assert.rejects(client.embeddings.create({ model: "lab/vectors", input: [1, 2, 3] }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /token ids/);
    return true;
  });
  await assert.rejects(client.embeddings.create({ model: "lab/vectors", input: "word ".repeat(30) }), OpenAI.BadRequestError);
  await assert.rejects(client.embeddings.create({ model: "nobody", input: "a" }), OpenAI.NotFoundError);
});

it("LangChain's embeddings work unchanged", async () => {
  const embeddings = new OpenAIEmbeddings({ model: "lab/vectors", apiKey: "none is needed", batchSize: 3, maxRetries: 0, configuration: { baseURL } });
  near(await embeddings.embedQuery("a cat"), vector("a cat"));
  const documents = Array.from({ length: 10 }, (_, i) => `document ${i} of ten`);
  const vectors = await embeddings.embedDocuments(documents);
  assert.equal(vectors.length, 10);
  vectors.forEach((got, i) => near(got, vector(documents[i])));
});
