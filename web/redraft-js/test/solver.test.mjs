// redraft-js beside Python: the same drafts, answers and judgements, on vectors that web/models.py wrote.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import * as runtime from "onnxruntime-web";

import { GuessTree, PuzzleError, load, rulesOf } from "redraft-js";

const models = new URL("../../../src/redraft/serve/page/models/", import.meta.url);
const vectors = JSON.parse(await readFile(new URL("vectors.json", import.meta.url), "utf8"));
runtime.env.wasm.numThreads = 1;

async function open(name) {
  const folder = new URL(`${name}/`, models);
  const [config, graph, starts] = await Promise.all(
    ["config.json", "model.onnx", "starts.f32"].map((file) => readFile(new URL(file, folder))),
  );
  return load(runtime, { config: JSON.parse(config.toString()), graph, starts });
}

for (const { model, solved, rules } of vectors) {
  test(`${model}: drafts and answers are Python's`, async () => {
    const solver = await open(model);
    for (const wanted of solved) {
      const drafts = [];
      const answer = await solver.solve(wanted.question, { onDraft: (draft) => drafts.push(draft) });
      const { status, text, steps, tries } = answer;
      assert.deepEqual(
        { status, text, steps, tries },
        { status: wanted.status, text: wanted.answer, steps: wanted.steps, tries: wanted.tries },
      );
      assert.ok(Math.abs(answer.halt_probability - wanted.halt_probability) < 0.01);
      const shown = drafts.filter((draft, i) => draft.whole || i === drafts.length - 1).map((draft) => draft.text);
      assert.deepEqual(shown, wanted.drafts);
    }
    await solver.model.close();
  });

  test(`${model}: judgements are Python's`, async () => {
    const solver = await open(model);
    const found = rulesOf(model);
    for (const { question, answer, solved, reason, wrong } of rules) {
      const tokens = solver.parse(answer);
      const verdict = found.check(solver.parse(question), tokens);
      assert.deepEqual(verdict, { solved, reason, wrong }, `${question} ${answer}`);
    }
    await solver.model.close();
  });
}

test("guesses are made in Python's order", async () => {
  const wanted = JSON.parse(await readFile(new URL("guesses.json", import.meta.url), "utf8"));
  const question = Uint8Array.from(wanted.question, (sign) => (sign === "." ? 1 : Number(sign) + 1));
  const tree = new GuessTree(rulesOf("sudoku-6x6"), question);
  const vocabulary = 8;
  wanted.guesses.forEach((guesses, attempt) => {
    const logits = Float32Array.from({ length: 36 * vocabulary }, (_, place) => {
      const scrambled = (BigInt(place) * 2654435761n + BigInt(attempt) * 40503n * 65536n) % (1n << 32n);
      return Number(scrambled / 65536n);
    });
    const made = tree.next(logits).map(({ cell, token }) => [cell, token]);
    assert.deepEqual(made, guesses, `attempt ${attempt}`);
  });
  assert.ok(wanted.guesses.some((guesses) => guesses.length > 2));
});

test("a puzzle that cannot be asked is an error that names the place", async () => {
  const solver = await open("sudoku-6x6");
  await assert.rejects(() => solver.solve("12"), (error) => error instanceof PuzzleError && /36 cells.*got 2/.test(error.message));
  await assert.rejects(() => solver.solve(`11${".".repeat(34)}`), /two 1s in row 1/);
  await assert.rejects(() => solver.solve(`1z${".".repeat(34)}`), /row 1, column 2/);
});

test("work ends when it is cancelled", async () => {
  const solver = await open("sudoku-6x6");
  const controller = new AbortController();
  const work = solver.solve(".".repeat(36), {
    halt: "never",
    maxSteps: 1000,
    signal: controller.signal,
    onDraft: () => controller.abort(new Error("enough")),
  });
  await assert.rejects(work, /enough/);
});

test("solutions are counted", () => {
  const rules = rulesOf("sudoku-4x4");
  assert.equal(rules.solutions(new Uint8Array(16).fill(1)).count, 2);
  assert.equal(rules.solutions(new Uint8Array(16).fill(1), 1000).count, 288);
  const [row] = [[2, 2, ...Array(14).fill(1)]];
  assert.equal(rules.solutions(row).count, 0);
});

test("what is no exported model is refused with the reason", async () => {
  const graph = await readFile(new URL("sudoku-6x6/model.onnx", models));
  await assert.rejects(() => load(runtime, { config: {}, graph }), /redraft export/);
  const config = JSON.parse(await readFile(new URL("sudoku-6x6/config.json", models), "utf8"));
  await assert.rejects(() => load(runtime, { config, graph: new Uint8Array(9) }), /model\.onnx/);
  await assert.rejects(() => load(runtime, { config, graph, starts: new Uint8Array(4) }), /starts\.f32/);
  for (const wrong of [{ height: 1e6 }, { width: 1e6 }, { parts: 1e9 }, { positions: [1e9] }, { tokens: [1, 2] }]) {
    const hostile = { ...config, onnx: { ...config.onnx, ...wrong } };
    await assert.rejects(() => load(runtime, { config: hostile, graph }), new RegExp(Object.keys(wrong)[0]));
  }
  const solver = await load(runtime, { config: { ...config, card: { solve: { max_steps: "many", restart: -1 } } }, graph });
  assert.deepEqual(solver.habits, { max_steps: 16, restart: 0, guess: false });
  await solver.model.close();
});
