/** The puzzle on the board and a person's entries, with undo and redo, kept by the browser and shared as a link. */

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
