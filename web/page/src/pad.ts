/** The pad of symbols below the board: digits of a Sudoku, tools that draw a maze, or a grid's own symbols. */

import { MAZE, MazeRules, type Notation } from "redraft-js";

import { strings } from "./strings.js";

/** The tokens that the pad offers, while the puzzle is edited or entries are made. */
export function padTokens(notation: Notation, editing: boolean): number[] {
  if (notation.rules instanceof MazeRules) return editing ? [MAZE.wall, MAZE.free, MAZE.start, MAZE.goal] : [MAZE.path];
  const all = notation.description.onnx.tokens.map((_, token) => token);
  return all.filter((token) => token > 0 && token !== notation.rules?.open);
}

/** What the pad calls a token. */
export function padName(notation: Notation, token: number): string {
  if (!(notation.rules instanceof MazeRules)) return notation.symbol(token);
  const tool = (Object.keys(MAZE) as (keyof typeof MAZE)[]).find((name) => MAZE[name] === token);
  return tool === undefined ? notation.symbol(token) : strings.tools[tool];
}

/** A button of the pad; `pressed` is null where it is not a tool that stays chosen. */
export function key(text: string, pressed: boolean | null, action: () => void): HTMLButtonElement {
  const found = document.createElement("button");
  found.type = "button";
  found.textContent = text;
  if (pressed !== null) found.setAttribute("aria-pressed", String(pressed));
  found.addEventListener("click", action);
  return found;
}
