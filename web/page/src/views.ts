/** What the page shows of a puzzle and its drafts, in cells and in words. */

import type { Notation } from "redraft-js";

import type { CellView } from "./board.js";
import type { Position } from "./game.js";
import type { Shown } from "./messages.js";
import { strings } from "./strings.js";
import { stepOf } from "./timeline.js";

/** Symbols per cell that a draft brings, with their probabilities. */
export const TOP = 3;

/** Row and column of a cell, from 1. */
export function placeOf(notation: Notation, cell: number): [number, number] {
  const { width } = notation.description.onnx;
  return [Math.floor(cell / width) + 1, (cell % width) + 1];
}

/** The cells of a draft, or of the puzzle with a person's entries where `draft` is null. */
export function viewsOf(
  notation: Notation,
  { question, entries }: Position,
  draft: Shown | null,
  before: Shown | null,
  marks: { wrong: Set<number>; hinted: number },
): CellView[] {
  const open = notation.rules?.open ?? null;
  const wrong = draft === null ? marks.wrong : new Set(draft.wrong);
  return Array.from(question, (asked, cell): CellView => {
    const token = draft?.tokens[cell] ?? (entries[cell] || asked);
    const given = open === null ? token === asked : asked !== open;
    return {
      symbol: notation.symbol(token),
      plain: open === null,
      kind: given ? "given" : draft !== null ? "drafted" : entries[cell] ? "entry" : "open",
      changed: draft !== null && !given && token !== (before?.tokens[cell] ?? asked),
      wrong: wrong.has(cell),
      guessed: draft === null ? marks.hinted === cell : draft.guesses.some((guess) => guess.cell === cell),
      doubt: draft === null || given ? 0 : 1 - (draft.probability[cell * TOP] as number),
    };
  });
}

/** A draft in a line: its step and attempt, how many cells changed and break rules, how sure the halting head is. */
export function captionOf(notation: Notation, { question }: Position, draft: Shown, before: Shown | null): string {
  const changed = draft.tokens.filter((token, cell) => token !== (before?.tokens[cell] ?? question[cell])).length;
  const guessed = draft.guesses.map(({ cell, token }) =>
    strings.guess(...placeOf(notation, cell), notation.symbol(token)),
  );
  return [
    strings.step(stepOf(draft), draft.attempt, guessed),
    strings.counts(changed, draft.wrong.length),
    strings.sure(strings.percent(draft.haltProbability)),
  ].join(" · ");
}

/** What a cell was in each draft, and what else it might be in the one on show. */
export function explained(notation: Notation, drafts: Shown[], draft: Shown | null, cell: number): HTMLElement[] {
  if (draft === null) return [element("p", strings.cellNone)];
  const symbol = (token: number): string => strings.symbol[notation.symbol(token)] ?? notation.symbol(token);
  const candidates = Array.from({ length: TOP }, (_, i) => cell * TOP + i)
    .filter((at) => (draft.top[at] as number) > 0 && (draft.probability[at] as number) >= 0.001)
    .map((at) => `${symbol(draft.top[at] as number)} ${strings.percent(draft.probability[at] as number)}`);
  const list = document.createElement("ol");
  list.append(
    ...drafts
      .filter((each, i) => i === 0 || each.tokens[cell] !== drafts[i - 1]?.tokens[cell])
      .map((each) => {
        const percent = strings.percent(each.probability[cell * TOP] as number);
        return element("li", strings.was(stepOf(each), symbol(each.tokens[cell] as number), percent));
      }),
  );
  return [
    element("p", strings.cell(...placeOf(notation, cell), symbol(draft.tokens[cell] as number), "")),
    element("p", strings.candidates(candidates.join(", "))),
    element("p", strings.cellHistory),
    list,
  ];
}

function element(name: string, text: string): HTMLElement {
  const found = document.createElement(name);
  found.textContent = text;
  return found;
}
