// One cache, two programs: a running hostler and Hugging Face's own client for Node, against the tests' hub.
//
// Run by ctest. By hand: HOSTLER_BUILD=build/dev/bin node --test tests/npm/hub.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.resolve(process.env.HOSTLER_BUILD ?? path.join(root, "build/dev/bin"));
const packages = process.env.HOSTLER_NPM ?? path.join(root, "build/npm");
const require = createRequire(path.join(packages, "package.json"));
const { scanCacheDir, downloadFileToCacheDir, snapshotDownload } = await import(pathToFileURL(require.resolve("@huggingface/hub")));
console.debug = () => {};  // the client tells of every file

const repo = "org/plain";
const names = ["config.json", "model.safetensors", "sub/notes.txt", "sub/twin.txt"];
const total = 3 + 300_000 + 6 + 6;
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HOSTLER_|HF_|HUGGING|LOG_LEVEL)|_proxy$/i.test(name)));

let folder, cache, hub, hubUrl, daemon, url;

async function firstLine(child) {
  const [line] = await once(readline.createInterface(child.stdout), "line");
  return line;
}

before(async () => {
  hub = spawn("/usr/bin/python3", [path.join(root, "tests/system/fake_hub.py"), "--port", "0", "--megabytes", "1"], { stdio: ["ignore", "pipe", "ignore"] });
  process.once("exit", () => hub.kill("SIGKILL"));
  hubUrl = await firstLine(hub);
});
after(() => hub.kill("SIGKILL"));

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "hostler-test-"));
  cache = path.join(folder, "hf/hub");
  const home = path.join(folder, "home");
  await mkdir(home);
  await writeFile(path.join(home, "models.toml"), `[[model]]\nid = "${repo}"\ntype = "embedding"\n`);
  daemon = spawn(path.join(bin, "hostler"), ["serve", "--port", "0", "--home", home],
    { env: { ...environment, HF_HOME: path.join(folder, "hf"), HF_ENDPOINT: hubUrl }, stdio: ["ignore", "pipe", "ignore"] });
  url = /^hostler is listening on (http:.*)$/.exec(await firstLine(daemon))[1];
  await asked();
});

afterEach(async () => {
  daemon.kill("SIGTERM");
  const [status] = await once(daemon, "exit");
  assert.equal(status, 0);
  await rm(folder, { recursive: true });
});

async function ask(method, route, body) {
  const answer = await fetch(url + route, { method, body: body && JSON.stringify(body), headers: body ? { "Content-Type": "application/json" } : {} });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

// Waits for the end of a task, as its events tell it.
async function end(begun) {
  if (!begun.task_id) return begun;
  let last;
  for (const line of (await (await fetch(`${url}/api/v2/models/tasks/${begun.task_id}/events`)).text()).split("\n"))
    if (line.startsWith("data:")) last = JSON.parse(line.slice(5));
  return last;
}

const pull = async () => end(await ask("POST", "/api/v2/models/download", { model_id: repo }));
const row = async () => (await ask("GET", "/api/v2/models")).models.find((one) => one.id === repo);
// What the hub was asked for since the last call; files once each.
const asked = async () => (await fetch(hubUrl + "/fake/requests", { method: "DELETE" })).json();
const fetched = (requests) => [...new Set(requests.filter((one) => one.path.includes("/resolve/")).map((one) => one.path.split(/\/resolve\/[^/]*\//)[1]))].sort();

describe("the client reads what hostler filled", () => {
  it("finds the repository, its revision, its refs and sizes", async () => {
    assert.equal((await pull()).status, "completed");
    const scanned = await scanCacheDir(cache);
    assert.deepEqual(scanned.warnings.map((warning) => path.basename(warning.path ?? String(warning))).filter((name) => !/CACHEDIR\.TAG|\.locks/.test(name)), []);
    assert.deepEqual(scanned.repos.map((one) => [one.id.type, one.id.name, one.revisions.length]), [["model", repo, 1]]);
    const [revision] = scanned.repos[0].revisions;
    assert.equal(revision.commitOid, await readFile(path.join(cache, "models--org--plain/refs/main"), "utf8"));
    assert.deepEqual([...revision.refs], ["main"]);
    // This client does not look into the folders of a snapshot.
    assert.deepEqual(revision.files.map((file) => path.basename(file.path)).sort(), names.filter((name) => !name.includes("/")));
    assert.deepEqual(revision.files.map((file) => file.blob.size).sort(), [3, 300_000]);
  });

  it("fetches none of it again", async () => {
    await pull();
    await asked();
    const snapshot = await snapshotDownload({ repo, cacheDir: cache, hubUrl });
    for (const name of names) assert.equal(await downloadFileToCacheDir({ repo, path: name, cacheDir: cache, hubUrl }), path.join(snapshot, name));
    assert.deepEqual(fetched(await asked()), []);
    assert.equal((await row()).is_installed, true);
  });
});

describe("hostler reads what the client filled", () => {
  it("knows all of it, and asks the hub for no file", async () => {
    const snapshot = await snapshotDownload({ repo, cacheDir: cache, hubUrl });
    await asked();
    const before = await row();
    assert.ok(before.is_installed || before.resumable_bytes >= total - 6, JSON.stringify(before));
    assert.equal((await pull()).status, "completed");
    assert.deepEqual(fetched(await asked()), []);
    const then = await row();
    assert.deepEqual([then.is_installed, then.state, then.resumable_bytes], [true, "downloaded", 0]);
    assert.ok(then.size_on_disk_bytes >= total - 6);
    assert.deepEqual((await readdir(snapshot, { recursive: true })).filter((name) => names.includes(name)).sort(), names);
  });

  it("fetches what it left out, and no more", async () => {
    await downloadFileToCacheDir({ repo, path: "model.safetensors", cacheDir: cache, hubUrl });
    const before = await row();
    assert.equal(before.is_installed, false);
    await asked();
    const done = await pull();
    assert.deepEqual([done.status, done.files_done], ["completed", 4]);
    assert.deepEqual(fetched(await asked()).length, 2);  // config.json, and one of the twins for both
    assert.equal((await row()).is_installed, true);
  });

  it("says what deleting frees, deletes it, and brings it back", async () => {
    await snapshotDownload({ repo, cacheDir: cache, hubUrl });
    const usage = await ask("GET", `/api/v2/models/usage?model_id=${repo}`);
    assert.deepEqual([usage.can_delete, usage.whole_repository, usage.files], [true, true, 4]);
    assert.ok(usage.freed_bytes >= total - 6);
    const deleted = await end(await ask("DELETE", `/api/v2/models/cache?model_id=${repo}&confirm=${usage.plan_digest}`));
    assert.equal(deleted.status, "completed");
    assert.deepEqual((await scanCacheDir(cache)).repos, []);
    await ask("POST", "/api/v2/models/undo", {});
    await asked();
    await snapshotDownload({ repo, cacheDir: cache, hubUrl });
    assert.deepEqual(fetched(await asked()), []);
  });
});
