// Measures the page in headless Chromium: node measure.mjs [INT8_FOLDER ...] prints JSON for results/page.json.
//
// Bytes of a first visit (as sent, compressed), seconds until the board can be used, and seconds per solve: cold (the first
// in a page) and warm (the median of the others), as the page states them. Folders are exported with --int8 beside.

import { readFile, readdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { browse, serve } from "./test/page.mjs";

const root = new URL("../src/redraft/serve/page/", import.meta.url);
const CASES = [
  ["sudoku-6x6", "hard", 20],
  ["maze-8x8", "hard", 20],
  ["sudoku-9x9", "hard", 10],
  ["sudoku-9x9", "extreme", 10],
];

const site = await serve();
const browser = await browse();
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function ready(page) {
  await page.locator("body:not(.busy) #board [role=gridcell]").first().waitFor({ timeout: 120_000 });
}

async function solve(page, puzzle) {
  await page.$eval("#text", (field) => (field.closest("details").open = true));
  await page.fill("#text", puzzle.replaceAll(" ", "."));
  await page.click('button[data-do="use"]');
  await page.click('button[data-do="solve"]');
  await page.waitForFunction(() => /^(Solved|Not solved)/.test(document.querySelector("#status").textContent), null, {
    timeout: 300_000,
  });
  const text = await page.textContent("#status");
  const seconds = /\(([\d.]+) s\)/.exec(text);
  return { solved: text.startsWith("Solved"), seconds: seconds === null ? NaN : Number(seconds[1]) };
}

async function visit(model, level, count, folder = null) {
  const context = await browser.newContext({ reducedMotion: "reduce" });
  const page = await context.newPage();
  site.requests.length = 0;
  const begun = performance.now();
  await page.goto(`${site.address}#${model}`);
  await ready(page);
  const interactive = (performance.now() - begun) / 1000;
  let bytes = 0;
  for (const path of new Set(site.requests)) {
    if (path.endsWith(".wasm")) bytes += (await readFile(new URL(`${path}.gz`, root))).length;
    else bytes += gzipSync(await readFile(new URL(path, root)).catch(() => Buffer.alloc(0))).length;
  }
  if (folder !== null) {
    const files = (await readdir(folder)).map((name) => join(folder, name));
    await page.waitForTimeout(500);
    await page.evaluate(() => (document.querySelector("#status").textContent = ""));
    await page.setInputFiles("#files", files);
    await page.waitForFunction(() => /is ready/.test(document.querySelector("#status").textContent));
  }
  const puzzles = JSON.parse(await readFile(new URL(`models/${model}/puzzles.json`, root), "utf8"))[level].slice(0, count);
  const runs = [];
  for (const puzzle of puzzles) runs.push(await solve(page, puzzle));
  await context.close();
  const [cold, ...warm] = runs.map(({ seconds }) => seconds);
  return {
    model,
    level,
    weights: folder === null ? "float32" : "int8",
    first_visit_bytes: folder === null ? bytes : undefined,
    interactive_seconds: folder === null ? Number(interactive.toFixed(2)) : undefined,
    puzzles: count,
    solved: runs.filter(({ solved }) => solved).length,
    cold_seconds: cold,
    warm_median_seconds: median(warm),
    warm_most_seconds: Math.max(...warm),
  };
}

const rows = [];
for (const [model, level, count] of CASES) rows.push(await visit(model, level, count));
for (const folder of process.argv.slice(2)) {
  const { task } = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  for (const [model, level, count] of CASES.filter(([name]) => name === task)) rows.push(await visit(model, level, count, folder));
}
const processor = cpus()[0].model;
const browserVersion = `Chromium ${browser.version()}`;
console.log(JSON.stringify({ processor, cores: cpus().length, browser: browserVersion, runtime: "onnxruntime-web 1.30.0", rows }, null, 1));
await browser.close();
await site.close();
