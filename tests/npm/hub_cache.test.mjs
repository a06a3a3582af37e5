// One cache, two programs: Hugging Face's own client for Node reads what hostler filled, and hostler what it filled.
//
// Run by ctest. By hand: HOSTLER_BUILD=build/dev/bin node --test tests/npm/hub_cache.test.mjs

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const probe = path.join(path.resolve(process.env.HOSTLER_BUILD ?? path.join(root, "build/dev/bin")), "cache_probe");
const packages = process.env.HOSTLER_NPM ?? path.join(root, "build/npm");
const { scanCacheDir, downloadFileToCacheDir, snapshotDownload } = await import(
  pathToFileURL(createRequire(path.join(packages, "package.json")).resolve("@huggingface/hub")));

const repo = "lab/small";
const commit = "a".repeat(40);
const files = { "config.json": "{}", "model.bin": "weights", "sub/copy.bin": "weights" };
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const gitId = (text) => createHash("sha1").update(`blob ${Buffer.byteLength(text)}\0${text}`).digest("hex");
const etag = (name) => (name.endsWith(".bin") ? sha256(files[name]) : gitId(files[name]));

// As much of a hub as the client asks for.
let hub, url;
let sent = [];
before(async () => {
  hub = http.createServer((request, response) => {
    const asked = new URL(request.url, "http://hub");
    const resolved = new RegExp(`^/${repo}/resolve/[^/]+/(.*)$`).exec(asked.pathname);
    const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (resolved && resolved[1] in files) {
      const name = resolved[1];
      const body = Buffer.from(files[name]);
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
      const part = range ? body.subarray(Number(range[1]), Number(range[2]) + 1) : body;
      const headers = { etag: `"${etag(name)}"`, "x-repo-commit": commit, "content-length": part.length, "accept-ranges": "bytes" };
      if (range) headers["content-range"] = `bytes ${range[1]}-${Number(range[1]) + part.length - 1}/${body.length}`;
      if (request.method === "GET" && !range) sent.push(name);
      response.writeHead(range ? 206 : 200, headers).end(request.method === "HEAD" ? undefined : part);
    } else if (asked.pathname.includes("/tree/")) {
      json(Object.entries(files).map(([name, text]) => ({ type: "file", path: name, size: text.length, oid: gitId(text),
        ...(name.endsWith(".bin") ? { lfs: { oid: sha256(text), size: text.length, pointerSize: 100 } } : {}) })));
    } else if (asked.pathname.includes("/paths-info/")) {
      let body = "";
      request.on("data", (piece) => (body += piece)).on("end", () => json(JSON.parse(body).paths.filter((name) => name in files).map((name) => ({
        type: "file", path: name, size: files[name].length, oid: gitId(files[name]), lastCommit: { id: commit, title: "one", date: "2026-01-01T00:00:00Z" },
        ...(name.endsWith(".bin") ? { lfs: { oid: sha256(files[name]), size: files[name].length, pointerSize: 100 } } : {}) }))));
    } else if (asked.pathname.startsWith(`/api/models/${repo}`)) {
      json({ _id: "1", id: repo, sha: commit, private: false, gated: false, downloads: 0, likes: 0, lastModified: "2026-01-01T00:00:00Z" });
    } else {
      response.writeHead(404, { "x-error-code": "EntryNotFound" }).end("{}");
    }
  });
  await new Promise((done) => hub.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${hub.address().port}`;
});
after(() => hub.close());

describe("one cache, two programs", () => {
  let cache;
  const look = () => JSON.parse(execFileSync(probe, ["look", cache, repo, "main"], { encoding: "utf8" }));
  before(() => { cache = mkdtempSync(path.join(os.tmpdir(), "hostler-hub-")); });
  after(() => rmSync(cache, { recursive: true }));

  it("the client finds what hostler filled", async () => {
    execFileSync(probe, ["fill", cache, repo, commit, "main", ...Object.entries(files).map(([name, text]) => `${name}=${text}`)]);
    const scanned = await scanCacheDir(cache);
    assert.deepEqual(scanned.warnings.filter((warning) => !/CACHEDIR|locks/.test(String(warning.message))), []);
    assert.equal(scanned.repos.length, 1);
    assert.equal(scanned.repos[0].id.name, repo);
    const [revision] = scanned.repos[0].revisions;
    assert.equal(revision.commitOid, commit);
    assert.deepEqual([...revision.refs], ["main"]);
    sent = [];
    for (const [name, text] of Object.entries(files)) {
      const found = await downloadFileToCacheDir({ repo, path: name, cacheDir: cache, hubUrl: url });
      assert.equal(readFileSync(found, "utf8"), text);
      assert.equal(path.basename(realpathSync(found)), etag(name));
    }
    assert.deepEqual(sent, []);  // nothing was downloaded again
    assert.ok(look().complete);
  });

  it("hostler finds what the client filled", async () => {
    rmSync(cache, { recursive: true });
    sent = [];
    await snapshotDownload({ repo, cacheDir: cache, hubUrl: url });
    const seen = look();
    assert.deepEqual(seen, { commit, complete: true, bytes: 9, size: 9, problem: "", files: 3, verified: 3, wrong: 0 });
    // What it filled needs no second download by us, and ours is laid over it without a change.
    const blobs = () => readdirSync(path.join(cache, "models--lab--small/blobs")).map((name) => [name, statSync(path.join(cache, "models--lab--small/blobs", name)).mtimeMs]);
    const before = blobs();
    execFileSync(probe, ["fill", cache, repo, commit, "main", ...Object.entries(files).map(([name, text]) => `${name}=${text}`)]);
    assert.deepEqual(blobs(), before);
    assert.deepEqual(look(), seen);
  });
});
