/** The board: a grid of cells for keyboard, pointer and screen reader. */

import { boxOf } from "redraft-js";

import { strings } from "./strings.js";

/** What a cell shows. */
export interface CellView {
  symbol: string;
  kind: "given" | "entry" | "drafted" | "open";
  changed: boolean;
  wrong: boolean;
  guessed: boolean;
  /** Whether givens go without saying, as in a maze, which is all given. */
  plain: boolean;
  /** 0 (certain) to 1. */
  doubt: number;
}

export interface BoardEvents {
  select(cell: number): void;
  /** A pointer presses a cell, or is drawn over it. */
  draw(cell: number, first: boolean): void;
  key(event: KeyboardEvent): void;
}

export class Board {
  private cells: HTMLElement[] = [];
  private height = 0;
  private width = 0;
  private selected = 0;
  private drawing = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly events: BoardEvents,
  ) {
    element.addEventListener("keydown", (event) => this.onKey(event));
    element.addEventListener("pointerdown", (event) => this.onPointer(event, true));
    element.addEventListener("pointermove", (event) => this.drawing && this.onPointer(event, false));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (this.drawing = false));
  }

  /** Lays out an empty board. */
  layOut(task: string, height: number, width: number): void {
    [this.height, this.width, this.selected] = [height, width, 0];
    this.element.setAttribute("aria-label", strings.board(task));
    this.element.style.setProperty("--columns", String(width));
    this.element.style.setProperty("--rows", String(height));
    this.element.dataset["family"] = task.split("-")[0] ?? "";
    const [tall, wide] = task.startsWith("sudoku") ? boxOf(height) : [0, 0];
    this.cells = [];
    const rows = Array.from({ length: height }, (_, r) => {
      const row = document.createElement("div");
      row.setAttribute("role", "row");
      for (let c = 0; c < width; c++) {
        const cell = document.createElement("div");
        cell.setAttribute("role", "gridcell");
        cell.tabIndex = -1;
        if (tall > 0 && r % tall === 0 && r > 0) cell.classList.add("box-top");
        if (wide > 0 && c % wide === 0 && c > 0) cell.classList.add("box-left");
        cell.addEventListener("focus", () => this.select(r * width + c));
        this.cells.push(cell);
        row.append(cell);
      }
      return row;
    });
    this.element.replaceChildren(...rows);
    (this.cells[0] as HTMLElement).tabIndex = 0;
  }

  get selection(): number {
    return this.selected;
  }

  /** Shows every cell. */
  show(views: readonly CellView[]): void {
    views.forEach((view, number) => {
      const cell = this.cells[number] as HTMLElement;
      const { changed, wrong, guessed } = view;
      const drawn = view.symbol === "." || view.symbol === " " ? "" : view.symbol;
      if (cell.textContent !== drawn) cell.textContent = drawn;
      cell.dataset["kind"] = view.kind;
      cell.dataset["symbol"] = view.symbol;
      cell.classList.toggle("changed", changed);
      cell.classList.toggle("wrong", wrong);
      cell.classList.toggle("guessed", guessed);
      cell.style.setProperty("--doubt", view.doubt.toFixed(3));
      const { given, entry, changed: isChanged, wrong: isWrong, unsure, guess } = strings.legend;
      const marks = [
        view.kind === "given" && !view.plain ? given : view.kind === "entry" ? entry : "",
        changed ? isChanged : "",
        wrong ? isWrong : "",
        guessed ? guess : "",
        view.doubt > 0.5 ? unsure : "",
      ].filter((mark) => mark !== "");
      const symbol = strings.symbol[view.symbol] ?? view.symbol;
      const label = strings.cell(Math.floor(number / this.width) + 1, (number % this.width) + 1, symbol, marks.join(", "));
      if (cell.getAttribute("aria-label") !== label) cell.setAttribute("aria-label", label);
    });
  }

  /** Moves the selection, and the focus with it where it was on the board. */
  select(number: number, focus = false): void {
    const before = this.cells[this.selected];
    const cell = this.cells[number];
    if (cell === undefined) return;
    if (before !== undefined) {
      before.tabIndex = -1;
      before.removeAttribute("aria-selected");
    }
    cell.tabIndex = 0;
    cell.setAttribute("aria-selected", "true");
    this.selected = number;
    if (focus) cell.focus();
    this.events.select(number);
  }

  private onKey(event: KeyboardEvent): void {
    const row = Math.floor(this.selected / this.width);
    const column = this.selected % this.width;
    const to: Record<string, number> = {
      ArrowUp: row > 0 ? this.selected - this.width : this.selected,
      ArrowDown: row + 1 < this.height ? this.selected + this.width : this.selected,
      ArrowLeft: column > 0 ? this.selected - 1 : this.selected,
      ArrowRight: column + 1 < this.width ? this.selected + 1 : this.selected,
      Home: row * this.width,
      End: row * this.width + this.width - 1,
      PageUp: column,
      PageDown: (this.height - 1) * this.width + column,
    };
    const next = to[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      this.events.key(event);
      return;
    }
    event.preventDefault();
    this.select(next, true);
  }

  private onPointer(event: PointerEvent, first: boolean): void {
    const found = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[role=gridcell]");
    const number = found === null || found === undefined ? -1 : this.cells.indexOf(found);
    if (number < 0 || (!first && number === this.selected)) return;
    if (first) {
      this.drawing = true;
      (event.target as Element).releasePointerCapture?.(event.pointerId); // of touch, which would hold on to one cell
    }
    this.select(number, true);
    this.events.draw(number, first);
  }
}
