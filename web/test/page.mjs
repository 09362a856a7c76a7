// A server for the page, bounded to loopback, and a browser to open it with.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

import { chromium } from "playwright-core";

const page = new URL("../../src/redraft/serve/page/", import.meta.url);
const TYPES = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  mjs: "text/javascript",
  css: "text/css",
  json: "application/json",
  svg: "image/svg+xml",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
};

/** Serves the page; `isolated` as `redraft serve` does, else as any web host. */
export async function serve({ isolated = true } = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname.slice(1)) || "index.html";
    requests.push(path);
    if (path.includes("..")) return response.writeHead(404).end();
    const type = TYPES[path.split(".").at(-1)] ?? "application/octet-stream";
    const headers = { "Content-Type": type, "Cache-Control": "no-cache" };
    if (isolated) {
      headers["Cross-Origin-Opener-Policy"] = "same-origin";
      headers["Cross-Origin-Embedder-Policy"] = "require-corp";
    }
    try {
      const zipped = path.endsWith(".wasm");
      const bytes = await readFile(new URL(zipped ? `${path}.gz` : path, page));
      if (zipped && isolated) headers["Content-Encoding"] = "gzip";
      response.writeHead(200, headers).end(zipped && !isolated ? gunzipSync(bytes) : bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { address: `http://localhost:${port}/`, requests, close: () => new Promise((end) => server.close(end)) };
}

/** Debian's Chromium, or the one that CHROMIUM names. */
export function browse() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}
