/** Puzzles as text and as tokens, and the rules they obey: what is known of a task without running its model. */

import type { Description } from "./model.js";
import { rulesOf, type Rules } from "./rules.js";

export class PuzzleError extends Error {}

export class Notation {
  readonly task: string;
  /** Null where the task has no rules here, so that nothing but the halting head judges. */
  readonly rules: Rules | null;
  private readonly tokenOf = new Map<string, number>();

  constructor(readonly description: Description) {
    const { task, onnx } = description;
    this.task = String((typeof task === "string" ? task : task?.name) ?? "grids");
    this.rules = rulesOf(this.task);
    const free = onnx.tokens.indexOf(" ");
    if (free >= 0) this.tokenOf.set(".", free);
    onnx.tokens.forEach((symbol, token) => this.tokenOf.set(symbol, token));
    if (this.rules?.open != null) for (const blank of "._0·-xX*?") if (!this.tokenOf.has(blank)) this.tokenOf.set(blank, this.rules.open);
  }

  get cells(): number {
    return this.description.onnx.height * this.description.onnx.width;
  }

  get vocabulary(): number {
    return this.description.onnx.tokens.length;
  }

  /** The token of a sign; undefined where it stands for none. */
  token(sign: string): number | undefined {
    return this.tokenOf.get(sign) ?? this.tokenOf.get(sign.toUpperCase()) ?? this.tokenOf.get(sign.toLowerCase());
  }

  /** The sign of a token. */
  symbol(token: number): string {
    return token === 0 ? "." : (this.description.onnx.tokens[token] ?? "?");
  }

  /**
   * The tokens of a puzzle written with a character per cell, row by row; line breaks are passed over.
   *
   * @throws PuzzleError naming the cell that cannot be read.
   */
  parse(text: string): Uint8Array {
    const signs = Array.from(text.replace(/[\r\n]/g, ""));
    const { height, width, tokens } = this.description.onnx;
    if (signs.length !== this.cells) {
      throw new PuzzleError(`expected ${this.cells} cells (${height} rows of ${width}), got ${signs.length}`);
    }
    return Uint8Array.from(signs, (sign, cell) => {
      const token = this.token(sign);
      if (token === undefined || token === 0) {
        const place = `row ${Math.floor(cell / width) + 1}, column ${(cell % width) + 1}`;
        throw new PuzzleError(`${place}: expected one of ${tokens.slice(1).join(" ")}, got ${JSON.stringify(sign)}`);
      }
      return token;
    });
  }

  /** A puzzle or answer with a character per cell. */
  format(tokens: ArrayLike<number>): string {
    return Array.from(tokens, (token) => this.symbol(token)).join("");
  }
}
