// Times supervision steps of one model in Node, for `python -m benchmarks sizes`: a job on standard input, figures on
// standard output, both JSON, as of benchmarks/sizes/probe.py.

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import * as runtime from "onnxruntime-web";
import { Model } from "redraft-js";

const ROUNDS = 5;
const WARMUP = 3; // seconds of the processor, in which the engine compiles what runs often
const { folder, tokens, seconds } = JSON.parse(await text(process.stdin));
runtime.env.wasm.numThreads = 1;
const [config, graph] = await Promise.all(["config.json", "model.onnx"].map((file) => readFile(`${folder}/${file}`)));
const model = await Model.open(runtime, { config: JSON.parse(config.toString()), graph });
const state = model.start(tokens);

async function step() {
  for (let part = 0; part < model.parts; part++) await model.run(state);
}

while (process.cpuUsage().user < WARMUP * 1e6) await step();
const found = { clock_ms: [], processor_ms: [], joules: null };
for (let round = 0; round < ROUNDS; round++) {
  const started = performance.now();
  const used = process.cpuUsage();
  let count = 0;
  while (count === 0 || performance.now() - started < (1000 * seconds) / ROUNDS) {
    await step();
    count++;
  }
  const { user, system } = process.cpuUsage(used);
  found.clock_ms.push((performance.now() - started) / count);
  found.processor_ms.push((user + system) / 1000 / count);
}
console.log(JSON.stringify({ ...found, resident: process.memoryUsage().rss }));
