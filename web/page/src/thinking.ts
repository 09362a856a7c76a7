/** Runs the network on the puzzle on the board, and keeps what the rules have confirmed of it. */

import type { Engine } from "./engine.js";
import { same } from "./game.js";
import type { Outcome, Shown } from "./messages.js";
import { strings } from "./strings.js";

export interface Listener {
  say(sentence: string): void;
  busy(on: boolean): void;
}

/** A solution that the rules have confirmed, and the first draft on the way to it. */
export interface Solution {
  question: Uint8Array;
  first: Shown;
  outcome: Outcome;
  /** Whether there are others. */
  several: boolean;
}

export class Thinking {
  /** What was noticed of the puzzle last worked on; empty where nothing. */
  remark = "";
  busy = false;
  private runs = 0;
  private known: Solution | null = null;

  constructor(
    private readonly engine: Engine,
    private readonly listener: Listener,
  ) {}

  stop(): void {
    if (this.busy) this.engine.stop();
  }

  /** Forgets the solution, as of another model. */
  forget(): void {
    this.known = null;
  }

  /** Solves a puzzle; null, with the reason said, where nothing comes of it. */
  async solve(question: Uint8Array, onDraft: (draft: Shown) => void): Promise<Outcome | null> {
    this.stop();
    const run = ++this.runs; // an earlier one that ends meanwhile changes nothing
    [this.busy, this.remark] = [true, ""];
    this.listener.busy(true);
    this.listener.say(strings.solving);
    try {
      const outcome = await this.engine.solve(question, {
        draft: onDraft,
        remark: (remark) => (this.remark = strings[remark]),
      });
      if (outcome === null && run === this.runs) this.listener.say(this.remark || strings.stopped);
      return outcome;
    } catch (error) {
      this.listener.say(strings.badPuzzle((error as Error).message));
      return null;
    } finally {
      if (run === this.runs) {
        this.busy = false;
        this.listener.busy(false);
      }
    }
  }

  /** The solution of a puzzle, from the last time it was solved if it was; null where it is not solved. */
  async solution(question: Uint8Array): Promise<Solution | null> {
    if (this.known !== null && same(this.known.question, question)) return this.known;
    const drafts: Shown[] = [];
    const outcome = await this.solve(question, (draft) => drafts.push(draft));
    if (outcome?.status === "solved") return (this.known = { question, first: drafts[0] as Shown, outcome, several: this.remark !== "" });
    if (outcome !== null) this.listener.say(strings.hintUnsure);
    return null;
  }
}
