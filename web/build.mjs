// Builds the page into the package: `npm ci && npm run build` writes src/redraft/serve/page/, the same bytes each time.
// Models lie there already (web/models.py); ONNX Runtime comes from npm, pinned by package-lock.json and, for its
// WebAssembly, by the digest below.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";

import { build } from "esbuild";

const WASM = "ort-wasm-simd-threaded.wasm";
const WASM_DIGEST = "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2";
const page = new URL("../src/redraft/serve/page/", import.meta.url);
const source = new URL("page/", import.meta.url);
const runtime = new URL("node_modules/onnxruntime-web/dist/", import.meta.url);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

await mkdir(new URL("ort/", page), { recursive: true });
const shared = { bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", write: false };
const bundle = async (file, options = {}) => {
  const { outputFiles } = await build({ ...shared, ...options, entryPoints: [new URL(file, source).pathname] });
  return Buffer.from(outputFiles[0].contents);
};

const written = {
  "index.html": await readFile(new URL("index.html", source)),
  "manifest.webmanifest": await readFile(new URL("manifest.webmanifest", source)),
  "icon.svg": await readFile(new URL("icon.svg", source)),
  "style.css": await bundle("style.css"),
  "app.js": await bundle("src/main.ts"),
  "worker.js": await bundle("src/worker.ts"),
  "ort/ort-wasm-simd-threaded.mjs": await readFile(new URL("ort-wasm-simd-threaded.mjs", runtime)),
};

const wasm = await readFile(new URL(WASM, runtime));
if (sha256(wasm) !== WASM_DIGEST) throw new Error(`${WASM}: expected SHA-256 ${WASM_DIGEST}, got ${sha256(wasm)}`);

const models = [];
for (const name of await readdir(new URL("models/", page))) {
  if (name === "index.json") continue;
  const { task, card } = JSON.parse(await readFile(new URL(`models/${name}/config.json`, page), "utf8"));
  const puzzles = JSON.parse(await readFile(new URL(`models/${name}/puzzles.json`, page), "utf8"));
  models.push({ name, title: titleOf(task), folder: `models/${name}`, summary: card.summary, puzzles });
}
const order = (name) => ["sudoku-6x6", "sudoku-9x9", "sudoku-4x4", "maze-8x8"].indexOf(name);
models.sort((a, b) => order(a.name) - order(b.name));
written["models/index.json"] = Buffer.from(`${JSON.stringify({ models })}\n`);

const files = ["./", ...Object.keys(written).filter((name) => name !== "index.html"), `ort/${WASM}`];
const version = sha256(Buffer.concat([...Object.values(written), wasm])).slice(0, 16);
const define = { VERSION: JSON.stringify(version), FILES: JSON.stringify(files) };
written["sw.js"] = await bundle("src/sw.ts", { define });

for (const [name, bytes] of Object.entries(written)) await writeFile(new URL(name, page), bytes);
const zipped = new URL(`ort/${WASM}.gz`, page);
const before = await readFile(zipped).catch(() => gzipSync(""));
if (!gunzipSync(before).equals(wasm)) await writeFile(zipped, gzipSync(wasm, { level: 9 }));
for (const [name, bytes] of Object.entries(written)) console.log(`${String(bytes.length).padStart(9)}  ${name}`);
console.log(`${String(wasm.length).padStart(9)}  ort/${WASM}`);

function titleOf(task) {
  const [, family, size] = /^(\w+)-(\d+x\d+)/.exec(task);
  return `${family[0].toUpperCase()}${family.slice(1)} ${size.replace("x", "×")}`;
}
