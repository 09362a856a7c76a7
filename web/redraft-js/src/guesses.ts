/** Guesses: cells to fill in a puzzle that stays unsolved, so that the next attempt takes another way. */

/** A cell and the token to fill it with. */
export interface Guess {
  cell: number;
  token: number;
}

const CHOICES = 2; // symbols per cell that are worth an attempt

/**
 * All guesses for a puzzle, the best first.
 *
 * The least certain open cell comes first (by the gap between its two best logits), with its second-best symbol and
 * then its best. Padding (token 0) and the open token are no symbols.
 *
 * @param tokens the question (L).
 * @param logits of the draft it is stuck on (L x V).
 * @param open the token of an open cell.
 */
export function guesses(tokens: ArrayLike<number>, logits: Float32Array, open: number): Guess[] {
  const vocabulary = logits.length / tokens.length;
  const cells: { cell: number; best: number[]; gap: number }[] = [];
  for (let cell = 0; cell < tokens.length; cell++) {
    if (tokens[cell] !== open) continue;
    const score = (token: number): number => logits[cell * vocabulary + token] as number;
    const best = Array.from({ length: vocabulary }, (_, token) => token)
      .filter((token) => token !== 0 && token !== open)
      .sort((a, b) => score(b) - score(a) || a - b)
      .slice(0, CHOICES);
    const gap = Math.fround(score(best[0] as number) - score((best[1] ?? best[0]) as number));
    cells.push({ cell, best, gap });
  }
  cells.sort((a, b) => a.gap - b.gap || a.cell - b.cell);
  return cells.flatMap(({ cell, best }) => best.reverse().map((token) => ({ cell, token })));
}
