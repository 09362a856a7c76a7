/** The puzzle on the board and a person's entries, with undo and redo, kept by the browser and shared as a link. */

import { MAZE, MazeRules, type Notation } from "redraft-js";

/** Tokens (L) of the puzzle, and of what a person entered: 0 where nothing. */
export interface Position {
  question: Uint8Array;
  entries: Uint8Array;
}

const MOST = 500; // moves that can be undone

export class Game {
  private past: Position[] = [];
  private future: Position[] = [];

  constructor(public position: Position) {}

  /** Takes another position; the one before can be had back. */
  move(next: Position): void {
    if (same(next.question, this.position.question) && same(next.entries, this.position.entries)) return;
    this.past = [...this.past.slice(1 - MOST), this.position];
    this.future = [];
    this.position = next;
  }

  get undoable(): boolean {
    return this.past.length > 0;
  }

  get redoable(): boolean {
    return this.future.length > 0;
  }

  undo(): void {
    const last = this.past.pop();
    if (last === undefined) return;
    this.future.push(this.position);
    this.position = last;
  }

  redo(): void {
    const next = this.future.pop();
    if (next === undefined) return;
    this.past.push(this.position);
    this.position = next;
  }
}

/** The token that an empty cell of a puzzle has. */
export function blankOf(notation: Notation): number {
  return notation.rules?.open ?? notation.token(" ") ?? 1;
}

/** A puzzle without givens; a maze has its S and G in two corners. */
export function empty(notation: Notation): Uint8Array {
  const question = new Uint8Array(notation.cells).fill(blankOf(notation));
  if (notation.rules instanceof MazeRules) [question[0], question[question.length - 1]] = [MAZE.start, MAZE.goal];
  return question;
}

/** The puzzle with a person's entries. */
export function filled({ question, entries }: Position): Uint8Array {
  return question.map((token, cell) => entries[cell] || token);
}

/** A token written into a cell, 0 to empty it: of the puzzle while that is edited, else as an entry; null for a given. */
export function written(notation: Notation, before: Position, cell: number, token: number, editing: boolean): Position | null {
  const [question, entries] = [Uint8Array.from(before.question), Uint8Array.from(before.entries)];
  const maze = notation.rules instanceof MazeRules;
  const blank = blankOf(notation);
  if (editing) {
    // a maze has one S and one G
    if (maze && (token === MAZE.start || token === MAZE.goal)) question.forEach((each, i) => each === token && (question[i] = blank));
    question[cell] = token === 0 ? blank : token;
    entries[cell] = 0;
  } else if (question[cell] === blank && (!maze || token === MAZE.path || token === 0)) {
    entries[cell] = token === blank ? 0 : token;
  } else {
    return null;
  }
  return { question, entries };
}

export function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => value === b[i]);
}

const KEY = "redraft";

/** What the browser keeps between visits; false where it refuses to keep anything. */
export function keep(model: string, question: string, entries: Uint8Array): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify({ model, question, entries: Array.from(entries) }));
    return true;
  } catch {
    return false;
  }
}

/** What was kept; null where nothing was, or where it is damaged. */
export function kept(): { model: string; question: string; entries: Uint8Array } | null {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null") as {
      model: unknown;
      question: unknown;
      entries: unknown;
    } | null;
    if (found === null || typeof found.model !== "string" || typeof found.question !== "string") return null;
    return { model: found.model, question: found.question, entries: Uint8Array.from(found.entries as number[]) };
  } catch {
    return null;
  }
}

/** The fragment of a link to a puzzle: spaces, which links lose, are written as dots. */
export function fragment(model: string, question: string): string {
  return `#${encodeURIComponent(model)}=${encodeURIComponent(question.replaceAll(" ", "."))}`;
}

/** The model and puzzle of a fragment, or the model alone; null where it holds none. */
export function linked(hash: string): { model: string; question: string | undefined } | null {
  const [, model, question] = /^#([^=]+)(?:=(.+))?$/.exec(hash) ?? [];
  if (model === undefined) return null;
  try {
    const text = question === undefined ? undefined : decodeURIComponent(question);
    return { model: decodeURIComponent(model), question: text };
  } catch {
    return null;
  }
}

/** A puzzle as people paste it: without frames between cells, and without spaces where the cells are there without. */
export function tidied(text: string, fits: (cells: number) => boolean): string {
  const lines = text.normalize("NFKC").replace(/[\r\u200b\ufeff]/g, "").replace(/^\n+|\n+$/g, "");
  const bare = lines.replace(/[|!+,;"'\t[\]{}]|[-─━═=]{3,}|[│┃║┌┐└┘├┤┬┴┼]/g, "");
  const ways = [lines.replace(/\s/g, ""), bare.replace(/\s/g, ""), lines.replace(/\n/g, "")];
  return ways.find((each) => fits(Array.from(each).length)) ?? bare;
}

/** Entries that a person may have made in a puzzle: what was kept may be damaged, or of an older version. */
export function sound(notation: Notation, question: Uint8Array, entries: ArrayLike<number>): Uint8Array {
  const blank = blankOf(notation);
  return question.map((asked, cell) => {
    const entry = entries[cell] ?? 0;
    return asked === blank && entry < notation.vocabulary ? entry : 0;
  });
}
