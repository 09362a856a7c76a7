/** Guesses: cells to fill in a puzzle that stays unsolved, and the order in which sets of them are tried. */

import type { Rules } from "./rules.js";

/** A cell and the token to fill it with. */
export interface Guess {
  cell: number;
  token: number;
}

const ALONE = 17; // attempts with one guess before larger sets take turns with them
const LARGER = 4; // places in the order of sets that each guess after the second costs

/** An attempt that failed: what its sets cost, the guesses it was made with, and those that may join them. */
interface Failed {
  cost: number;
  made: Guess[];
  left: Generator<Guess>;
}

/**
 * Which guesses to try next, as Python's `GuessTree` says.
 *
 * Single guesses come in their order; after the first ALONE they take turns with larger sets, the cheapest first. A set
 * costs the sum of its guesses' places in the orders they come from, and LARGER for each after the second. No set is
 * tried twice, and none that breaks a rule.
 */
export class GuessTree {
  private made: Guess[] = [];
  private cost = 0; // of the guesses made
  private attempts = 0;
  private place = 0; // single guesses so far
  private single: Generator<Guess> | null = null;
  private readonly tried = new Set<string>();
  private readonly failed: Failed[] = []; // in the order in which they failed

  constructor(
    private readonly rules: Rules,
    private readonly question: Uint8Array,
  ) {}

  /** The guesses to try, after the last ones (at first none) failed with a draft of these logits; none if none is left. */
  next(logits: Float32Array): Guess[] {
    const left = guesses(filled(this.question, this.made), logits, this.rules.open as number);
    if (this.made.length === 0) this.single = left;
    else this.failed.push({ cost: this.cost + (this.made.length > 1 ? LARGER : 0), made: this.made, left });
    this.attempts++;
    const setFirst = this.attempts > ALONE && (this.attempts - ALONE) % 2 === 1;
    this.made = (setFirst ? (this.nextSet() ?? this.nextSingle()) : (this.nextSingle() ?? this.nextSet())) ?? [];
    return this.made;
  }

  private nextSingle(): Guess[] | null {
    for (let next = this.single?.next(); next?.done === false; next = this.single?.next()) {
      if (!this.mayBe([next.value])) continue;
      this.cost = ++this.place;
      return [next.value];
    }
    return null;
  }

  private nextSet(): Guess[] | null {
    while (this.failed.length > 0) {
      const cheapest = this.failed.reduce((best, each) => (each.cost < best.cost ? each : best));
      for (let next = cheapest.left.next(); next.done === false; next = cheapest.left.next()) {
        const made = [...cheapest.made, next.value];
        if (!this.mayBe(made)) continue;
        this.cost = cheapest.cost++;
        return made;
      }
      this.failed.splice(this.failed.indexOf(cheapest), 1);
    }
    return null;
  }

  private mayBe(made: Guess[]): boolean {
    const key = made.map(({ cell, token }) => `${cell}=${token}`).sort().join();
    if (this.tried.has(key)) return false;
    this.tried.add(key);
    return this.rules.problem(filled(this.question, made)) === "";
  }
}

/** A question with guesses filled in. */
export function filled(question: ArrayLike<number>, made: Guess[]): Uint8Array {
  const found = Uint8Array.from(question);
  for (const { cell, token } of made) found[cell] = token;
  return found;
}

/**
 * All guesses for a puzzle, the best first.
 *
 * The least certain open cell comes first (by the gap between its two best logits), with its second-best symbol and
 * then its best; after the last cell come the third-best symbols, and so on. Padding (token 0) and the open token are
 * no symbols.
 *
 * @param tokens the question (L).
 * @param logits of the draft it is stuck on (L x V).
 * @param open the token of an open cell.
 */
export function* guesses(tokens: ArrayLike<number>, logits: Float32Array, open: number): Generator<Guess> {
  const vocabulary = logits.length / tokens.length;
  const symbols = Array.from({ length: vocabulary }, (_, token) => token).filter((token) => token !== 0 && token !== open);
  const cells: { cell: number; best: number[]; gap: number }[] = [];
  for (let cell = 0; cell < tokens.length; cell++) {
    if (tokens[cell] !== open) continue;
    const score = (token: number): number => logits[cell * vocabulary + token] as number;
    const best = [...symbols].sort((a, b) => score(b) - score(a) || a - b);
    const gap = Math.fround(score(best[0] as number) - score((best[1] ?? best[0]) as number));
    cells.push({ cell, best, gap });
  }
  cells.sort((a, b) => a.gap - b.gap || a.cell - b.cell);
  for (const ranks of [[1, 0], ...symbols.slice(2).map((_, i) => [i + 2])]) {
    for (const { cell, best } of cells) {
      for (const rank of ranks) if (best[rank] !== undefined) yield { cell, token: best[rank] };
    }
  }
}
