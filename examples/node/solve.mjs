// Solves a puzzle with an exported model in Node: node solve.mjs FOLDER PUZZLE
//
// FOLDER is what `redraft export` writes. PUZZLE has a character per cell, row by row. Prints the answer and what came of
// it: `solved` and `unsolved` by the rules of Sudoku and mazes, `halted` and `unhalted` by the halting head, for other
// tasks. Exits with 0 for an answer, 1 for none, 2 for a puzzle that cannot be read.
//
// redraft-js is built in ../../web by `npm ci && npx tsc --build`; then `npm install` here. onnxruntime-node takes the place
// of onnxruntime-web without another change, and uses the processor's widest instructions.

import { readFile } from "node:fs/promises";
import path from "node:path";

import * as runtime from "onnxruntime-web";
import { load } from "redraft-js";

if (process.argv.length !== 4) {
  console.error("usage: node solve.mjs FOLDER PUZZLE");
  process.exit(2);
}
const [folder, puzzle] = process.argv.slice(2);
if (runtime.env?.wasm) runtime.env.wasm.numThreads = 1;

try {
  const [config, graph] = await Promise.all(["config.json", "model.onnx"].map((file) => readFile(path.join(folder, file))));
  const starts = await readFile(path.join(folder, "starts.f32")).catch(() => undefined); // none where it never restarts
  const solver = await load(runtime, { config: JSON.parse(config.toString()), graph, starts });
  const { text, status, steps, tries } = await solver.solve(puzzle);
  console.log(text);
  console.log(`${status} (steps: ${steps}, attempts: ${tries})`);
  await solver.model.close();
  process.exitCode = status.startsWith("un") ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
