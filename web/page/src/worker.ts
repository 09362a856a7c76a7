/** Solves in the background: one model at a time, one puzzle at a time. */

import * as runtime from "onnxruntime-web/wasm";
import { Solver, SudokuRules, load, probabilities, type Draft } from "redraft-js";

import type { FromWorker, Shown, ToWorker } from "./messages.js";

const TOP = 3;
const scope = self as unknown as DedicatedWorkerGlobalScope;
let solver: Solver | null = null;
let running: AbortController | null = null;
let opening: Promise<unknown> = Promise.resolve(); // models open one after the other, and puzzles wait for them
let inference: Promise<unknown> = Promise.resolve(); // the solving that a model must outlive

const here = new URL("ort/", scope.location.href).href;
runtime.env.wasm.wasmPaths = {
  wasm: `${here}ort-wasm-simd-threaded.wasm`,
  mjs: `${here}ort-wasm-simd-threaded.mjs`,
};
// More threads than this do not help networks of this size.
runtime.env.wasm.numThreads = scope.crossOriginIsolated ? Math.min(4, scope.navigator.hardwareConcurrency) : 1;

scope.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.kind === "stop") {
    running?.abort();
    return;
  }
  running?.abort();
  const before = inference; // one that comes later waits for the model, not the model for it
  const work = opening.then(() => (message.kind === "solve" ? solve(message.id, message.question) : open(message, before)));
  if (message.kind === "solve") inference = work.catch(() => undefined);
  else opening = work.catch(() => undefined);
  work.catch((error: unknown) => {
    const stopped = error instanceof DOMException && error.name === "AbortError";
    if (stopped) send({ kind: "stopped", id: message.id });
    else send({ kind: "failed", id: message.id, reason: error instanceof Error ? error.message : String(error) });
  });
};

function send(message: FromWorker, moved: Transferable[] = []): void {
  scope.postMessage(message, moved);
}

async function open(message: Extract<ToWorker, { kind: "load" | "open" }>, before: Promise<unknown>): Promise<void> {
  const begun = performance.now();
  const files = message.kind === "open" ? message : await download(message.base);
  const opened = await load(runtime, files, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  try {
    await opened.model.run(opened.model.start(new Uint8Array(opened.cells).fill(1))); // so that the first puzzle is quick
  } catch (error) {
    await opened.model.close();
    throw error;
  }
  running?.abort();
  await before;
  await solver?.model.close();
  solver = opened;
  const seconds = (performance.now() - begun) / 1000;
  const threads = runtime.env.wasm.numThreads ?? 1;
  send({ kind: "ready", id: message.id, description: solver.description, seconds, threads });
}

async function download(base: string): Promise<{ config: unknown; graph: Uint8Array; starts: Uint8Array | undefined }> {
  const get = async (file: string): Promise<Response> => {
    const response = await fetch(base + file);
    if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
    return response;
  };
  const config = (await (await get("config.json")).json()) as { onnx?: { starts?: number } };
  const bytes = async (file: string): Promise<Uint8Array> => new Uint8Array(await (await get(file)).arrayBuffer());
  const [graph, starts] = await Promise.all([
    bytes("model.onnx"),
    config.onnx?.starts ? bytes("starts.f32") : Promise.resolve(undefined),
  ]);
  return { config, graph, starts };
}

async function solve(id: number, question: Uint8Array): Promise<void> {
  if (solver === null) throw new Error("no model is loaded");
  const controller = new AbortController();
  running = controller;
  if (solver.rules instanceof SudokuRules) {
    const problem = solver.rules.problem(question);
    const { count } = problem === "" ? solver.rules.solutions(question) : { count: 1 };
    if (count === 0) return send({ kind: "remark", id, remark: "none" });
    if (count > 1) send({ kind: "remark", id, remark: "several" });
  }
  const begun = performance.now();
  const drafts = solver.drafts(question, { signal: controller.signal });
  for (;;) {
    const next = await drafts.next();
    if (next.done === true) {
      const { status, message, steps, tokens } = next.value;
      const seconds = (performance.now() - begun) / 1000;
      return send({ kind: "outcome", id, outcome: { status, message, steps, seconds, tokens } });
    }
    const draft = shown(next.value, solver.vocabulary);
    send({ kind: "draft", id, draft }, [draft.tokens.buffer, draft.top.buffer, draft.probability.buffer]);
    await new Promise((resolve) => setTimeout(resolve)); // lets a message that stops the work arrive
  }
}

function shown(draft: Draft, vocabulary: number): Shown {
  const all = probabilities(draft.logits, vocabulary);
  const cells = draft.tokens.length;
  const top = new Uint8Array(cells * TOP);
  const probability = new Float32Array(cells * TOP);
  for (let cell = 0; cell < cells; cell++) {
    const order = Array.from({ length: vocabulary - 1 }, (_, i) => i + 1)
      .sort((a, b) => (all[cell * vocabulary + b] as number) - (all[cell * vocabulary + a] as number))
      .slice(0, TOP);
    order.forEach((token, place) => {
      top[cell * TOP + place] = token;
      probability[cell * TOP + place] = all[cell * vocabulary + token] || 0;
    });
  }
  return {
    tokens: Uint8Array.from(draft.tokens),
    step: draft.step,
    attempt: draft.attempt,
    guesses: draft.guesses,
    haltProbability: draft.haltProbability || 0, // of numbers that overflowed, none
    wrong: draft.verdict?.wrong ?? [],
    top,
    probability,
  };
}
