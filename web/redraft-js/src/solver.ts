/** The loop: a model drafts, redrafts, and stops once the rules hold or its halting head is sure. */

import { GuessTree, filled, type Guess } from "./guesses.js";
import { Model, type Habits } from "./model.js";
import { Notation, PuzzleError } from "./notation.js";
import type { Verdict } from "./rules.js";

/** An answer as it stands after a run of the graph. */
export interface Draft {
  /** Tokens (L), one per cell. */
  tokens: Uint8Array;
  /** The same, a character per cell. */
  text: string;
  /** Supervision steps so far; a fraction within a step. */
  step: number;
  /** Attempts so far, from 1: more than one after restarts and guesses. */
  attempt: number;
  /** The cells that this attempt takes for given, where it began with guesses. */
  guesses: Guess[];
  /** By the halting head: the probability that the draft is right. It knows only the ends of steps. */
  haltProbability: number;
  /** Whether a step ends here. */
  whole: boolean;
  /** Logits (L x V) the draft was read from. */
  logits: Float32Array;
  /** By the rules; null where a task has none here. */
  verdict: Verdict | null;
}

/** The last draft, and what came of it: the names are those of `redraft solve --json`. */
export interface Answer {
  question: string;
  /** `solved` and `unsolved` are judged by the rules; `halted` and `unhalted` by the halting head alone. */
  status: "solved" | "unsolved" | "halted" | "unhalted";
  /** The answer, or the last draft where it is not solved. */
  text: string;
  tokens: Uint8Array;
  steps: number;
  tries: number;
  halt_probability: number;
  message: string;
}

export interface Options {
  /** Supervision steps at most. */
  maxSteps?: number;
  /** Steps after which an unsolved puzzle is restarted; 0 for never. */
  restart?: number;
  /** Whether it then restarts with guesses. */
  guess?: boolean;
  /** `rules`: stop once they hold; `head`: once the halting head is sure; `never`: after all steps. */
  halt?: "rules" | "head" | "never";
  /** Ends the work with the signal's reason. */
  signal?: AbortSignal;
}

/** Numbers between 0 and 1 that add up to 1, per cell: probabilities (L x V) of logits. */
export function probabilities(logits: Float32Array, vocabulary: number): Float32Array {
  const found = new Float32Array(logits.length);
  for (let first = 0; first < logits.length; first += vocabulary) {
    const row = logits.subarray(first, first + vocabulary);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let i = 0; i < vocabulary; i++) sum += found[first + i] = Math.exp((row[i] as number) - most);
    for (let i = 0; i < vocabulary; i++) found[first + i] = (found[first + i] as number) / sum;
  }
  return found;
}

/** Solves puzzles of one task with one model. */
export class Solver extends Notation {
  readonly habits: Required<Habits>;

  constructor(readonly model: Model) {
    super(model.description);
    const found = this.description.card?.solve ?? {};
    const count = (value: unknown, other: number): number =>
      Number.isInteger(value) && (value as number) >= 0 ? (value as number) : other;
    const steps = count(found.max_steps, 0) || 16;
    this.habits = { max_steps: steps, restart: count(found.restart, 0), guess: found.guess === true };
  }

  /**
   * Every draft of a puzzle, one per run of the graph, until it stops. The last one is the answer or the best there is.
   *
   * @throws PuzzleError for a puzzle that cannot be asked.
   */
  async *drafts(puzzle: string | ArrayLike<number>, options: Options = {}): AsyncGenerator<Draft, Answer> {
    const question = typeof puzzle === "string" ? this.parse(puzzle) : Uint8Array.from(puzzle);
    const problem = this.rules?.problem(question) ?? "";
    if (problem !== "") throw new PuzzleError(problem);
    const halt = this.rules === null && (options.halt ?? "rules") === "rules" ? "head" : (options.halt ?? "rules");
    const byRules = halt === "rules";
    const maxSteps = options.maxSteps ?? (byRules ? this.habits.max_steps : 16);
    const restart = byRules ? (options.restart ?? this.habits.restart) : 0;
    const { rules } = this;
    const guessing = options.guess ?? this.habits.guess;
    const tree = guessing && rules !== null && rules.open !== null ? new GuessTree(rules, question) : null;
    const { parts } = this.model;

    let state = this.model.start(question);
    let attempt = 1;
    let guesses: Guess[] = [];
    for (let spent = 1; ; spent++) {
      options.signal?.throwIfAborted();
      const { logits, halt: margin } = await this.model.run(state);
      const drafted = this.read(logits);
      const complete = this.withGivens(question, drafted);
      let verdict = this.rules?.check(question, complete) ?? null;
      const whole = spent % parts === 0;
      const last = spent >= maxSteps * parts;
      const sure = whole && margin > this.description.onnx.halt_above;
      const done = last || (halt === "head" && sure) || (byRules && verdict?.solved === true);
      let tokens = drafted;
      if (done && verdict?.solved === true) tokens = complete;
      else verdict = this.rules?.check(question, drafted) ?? null;
      const draft: Draft = {
        tokens,
        text: this.format(tokens),
        step: spent / parts,
        attempt,
        guesses,
        haltProbability: 1 / (1 + Math.exp(-margin)),
        whole,
        logits,
        verdict,
      };
      yield draft;
      if (done) return this.answer(question, draft, sure);
      if (restart > 0 && spent % (restart * parts) === 0) {
        guesses = tree?.next(logits) ?? [];
        state = this.model.start(filled(question, guesses), guesses.length === 0 ? attempt : 0);
        attempt++;
      }
    }
  }

  /** The answer to a puzzle; `onDraft` is called with every draft on the way. */
  async solve(
    puzzle: string | ArrayLike<number>,
    options: Options & { onDraft?: (draft: Draft) => void } = {},
  ): Promise<Answer> {
    const drafts = this.drafts(puzzle, options);
    for (;;) {
      const next = await drafts.next();
      if (next.done === true) return next.value;
      options.onDraft?.(next.value);
    }
  }

  private answer(question: Uint8Array, draft: Draft, sure: boolean): Answer {
    const { verdict } = draft;
    const judged = verdict === null ? (sure ? "halted" : "unhalted") : verdict.solved ? "solved" : "unsolved";
    return {
      question: this.format(question),
      status: judged,
      text: draft.text,
      tokens: draft.tokens,
      steps: Math.ceil(draft.step),
      tries: draft.attempt,
      halt_probability: draft.haltProbability,
      message: verdict === null ? "not judged by rules" : verdict.reason,
    };
  }

  private read(logits: Float32Array): Uint8Array {
    const found = new Uint8Array(this.cells);
    for (let cell = 0; cell < found.length; cell++) {
      let best = 0;
      for (let token = 1; token < this.vocabulary; token++) {
        const score = (at: number): number => logits[cell * this.vocabulary + at] as number;
        if (score(token) > score(best)) best = token;
      }
      found[cell] = best;
    }
    return found;
  }

  private withGivens(question: Uint8Array, tokens: Uint8Array): Uint8Array {
    const open = this.rules?.open ?? null;
    return open === null ? tokens : tokens.map((token, cell) => (question[cell] === open ? token : (question[cell] as number)));
  }
}

/** Opens a model as a solver; see `Model.open`. */
export async function load(...args: Parameters<typeof Model.open>): Promise<Solver> {
  return new Solver(await Model.open(...args));
}
