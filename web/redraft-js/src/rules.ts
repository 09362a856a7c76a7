/** The rules of tasks: what judges an answer without knowing the right one. Tokens are those of the exported model. */

/** Judgement of an answer: cells that break a rule, and why it is no answer. */
export interface Verdict {
  solved: boolean;
  /** In words, empty when solved. */
  reason: string;
  /** Cells (0 to L - 1) that break a rule. */
  wrong: number[];
}

export interface Rules {
  /** Token of a cell that is to be filled, where a task has such. */
  readonly open: number | null;
  /** Judges an answer. */
  check(question: ArrayLike<number>, answer: ArrayLike<number>): Verdict;
  /** Why a question cannot be asked; empty when it can. */
  problem(question: ArrayLike<number>): string;
}

/** Rows and columns of a box, the squarest there are. */
export function boxOf(size: number): [number, number] {
  let tall = Math.floor(Math.sqrt(size));
  while (size % tall !== 0) tall--;
  return [tall, size / tall];
}

/** The rules of a task by its name (`sudoku-9x9`, `maze-8x8`); null for one that has none here. */
export function rulesOf(task: string): Rules | null {
  const [, family, height, width] = /^(sudoku|maze)-(\d+)x(\d+)(?:-v\d+)?$/.exec(task) ?? [];
  if (family === "sudoku" && height === width) return new SudokuRules(Number(height));
  if (family === "maze") return new MazeRules(Number(height), Number(width));
  return null;
}

const COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** Every row, column and box has each digit once, and the givens stay. Token 1 is a blank, token d + 1 the digit d. */
export class SudokuRules implements Rules {
  readonly open = 1;
  private readonly units: { name: string; cells: number[] }[];

  constructor(readonly size: number) {
    const [tall, wide] = boxOf(size);
    const all = Array.from({ length: size }, (_, i) => i);
    const boxes: { name: string; cells: number[] }[] = [];
    for (let r = 0; r < size; r += tall) {
      for (let c = 0; c < size; c += wide) {
        boxes.push({
          name: `the box at rows ${r + 1}-${r + tall}, columns ${c + 1}-${c + wide}`,
          cells: all.map((i) => (r + Math.floor(i / wide)) * size + c + (i % wide)),
        });
      }
    }
    this.units = [
      ...all.map((i) => ({ name: `row ${i + 1}`, cells: all.map((k) => i * size + k) })),
      ...all.map((i) => ({ name: `column ${i + 1}`, cells: all.map((k) => k * size + i) })),
      ...boxes,
    ];
  }

  check(question: ArrayLike<number>, answer: ArrayLike<number>): Verdict {
    const changed: number[] = [];
    let blanks = 0;
    for (let cell = 0; cell < this.size ** 2; cell++) {
      if (question[cell] !== this.open && question[cell] !== answer[cell]) changed.push(cell);
      if (!this.isDigit(answer[cell])) blanks++;
    }
    const clashes = this.clashes(answer);
    let reason = "";
    if (changed.length > 0) {
      reason = `changes the given at ${this.place(changed[0] as number)}`;
    } else if (clashes.first !== null) {
      reason = `${clashes.first.unit} has ${clashes.first.times} ${clashes.first.digit}s`;
    } else if (blanks > 0) {
      reason = blanks === 1 ? "1 cell is blank" : `${blanks} cells are blank`;
    }
    const wrong = new Set([...changed, ...clashes.cells]);
    return { solved: reason === "", reason, wrong: [...wrong].sort((a, b) => a - b) };
  }

  /** Digits that clash; how many solutions there are is not counted. */
  problem(question: ArrayLike<number>): string {
    const { first } = this.clashes(question);
    return first === null ? "" : `${first.times} ${first.digit}s in ${first.unit}; expected at most one`;
  }

  /**
   * The number of solutions, counted up to `most`, and the first one found.
   *
   * Gives up after `patience` cells tried: `count` is then -1.
   */
  solutions(question: ArrayLike<number>, most = 2, patience = 200_000): { count: number; first: number[] | null } {
    const { size } = this;
    if (this.problem(question) !== "") return { count: 0, first: null };
    const unitsOf: number[][] = Array.from({ length: size ** 2 }, () => []);
    this.units.forEach(({ cells }, unit) => cells.forEach((cell) => (unitsOf[cell] as number[]).push(unit)));
    const used = new Int32Array(this.units.length);
    const grid = Array.from({ length: size ** 2 }, (_, cell) => question[cell] as number);
    const put = (cell: number, token: number): void => {
      grid[cell] = token;
      for (const unit of unitsOf[cell] as number[]) used[unit] = (used[unit] as number) | (1 << token);
    };
    const lift = (cell: number): void => {
      for (const unit of unitsOf[cell] as number[]) used[unit] = (used[unit] as number) & ~(1 << (grid[cell] as number));
      grid[cell] = this.open;
    };
    grid.forEach((token, cell) => token !== this.open && put(cell, token));
    let count = 0;
    let tried = 0;
    let first: number[] | null = null;
    const search = (): void => {
      let best = -1;
      let fewest = size + 1;
      let free = 0;
      for (let cell = 0; cell < grid.length && fewest > 1; cell++) {
        if (grid[cell] !== this.open) continue;
        const [a, b, c] = unitsOf[cell] as [number, number, number];
        const left = ~((used[a] as number) | (used[b] as number) | (used[c] as number)) & ((1 << (size + 2)) - 4);
        let bits = 0;
        for (let rest = left; rest !== 0; rest &= rest - 1) bits++;
        if (bits < fewest) [best, fewest, free] = [cell, bits, left];
      }
      if (best < 0) {
        count++;
        first ??= grid.slice();
        return;
      }
      for (let token = 2; token < size + 2 && count < most && tried < patience; token++) {
        if ((free & (1 << token)) === 0) continue;
        tried++;
        put(best, token);
        search();
        lift(best);
      }
    };
    search();
    return { count: tried >= patience && count < most ? -1 : count, first };
  }

  private isDigit(token: number | undefined): boolean {
    return token !== undefined && token >= 2 && token < this.size + 2;
  }

  private clashes(grid: ArrayLike<number>): {
    cells: number[];
    first: { unit: string; digit: string; times: string } | null;
  } {
    const cells: number[] = [];
    let first: { unit: string; digit: string; times: string } | null = null;
    for (const unit of this.units) {
      const places = new Map<number, number[]>();
      for (const cell of unit.cells) {
        const token = grid[cell] as number;
        if (this.isDigit(token)) places.set(token, [...(places.get(token) ?? []), cell]);
      }
      const twice = [...places].filter(([, where]) => where.length > 1).sort(([a], [b]) => a - b);
      for (const [, where] of twice) cells.push(...where);
      if (first === null && twice.length > 0) {
        const most = Math.max(...twice.map(([, where]) => where.length));
        const [token] = twice.find(([, where]) => where.length === most) as [number, number[]];
        first = { unit: unit.name, digit: digitOf(token), times: COUNTS[most] ?? String(most) };
      }
    }
    return { cells, first };
  }

  private place(cell: number): string {
    return `row ${Math.floor(cell / this.size) + 1}, column ${(cell % this.size) + 1}`;
  }
}

/** The sign of a Sudoku's token: 1-9, then A-G. */
function digitOf(token: number): string {
  return "123456789ABCDEFG"[token - 2] ?? "?";
}

/** The tokens of a maze. */
export const MAZE = { wall: 1, free: 2, start: 3, goal: 4, path: 5 } as const;
const { wall: WALL, free: FREE, start: START, goal: GOAL, path: PATH } = MAZE;
const NAMES = ["padding", "a wall", "a free cell", "S", "G", "a path cell"];

/** The path cells form one shortest path from S to G, and the maze stays. Tokens: 1 wall, 2 free, 3 S, 4 G, 5 path. */
export class MazeRules implements Rules {
  readonly open = null;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {}

  /** The four neighbours of a cell. */
  near(cell: number): number[] {
    const column = cell % this.width;
    return [
      ...(cell + this.width < this.height * this.width ? [cell + this.width] : []),
      ...(column > 0 ? [cell - 1] : []),
      ...(column + 1 < this.width ? [cell + 1] : []),
      ...(cell >= this.width ? [cell - this.width] : []),
    ];
  }

  /** Steps from S to every cell that is no wall, -1 where there is no way. */
  distances(question: ArrayLike<number>): number[] {
    const found = new Array<number>(this.height * this.width).fill(-1);
    const queue = [Array.from(question).indexOf(START)];
    if (queue[0] === -1) return found;
    found[queue[0] as number] = 0;
    for (const cell of queue) {
      for (const next of this.near(cell)) {
        if (question[next] === WALL || found[next] !== -1) continue;
        found[next] = (found[cell] as number) + 1;
        queue.push(next);
      }
    }
    return found;
  }

  problem(question: ArrayLike<number>): string {
    const cells = Array.from(question);
    for (const [token, name] of [
      [START, "S"],
      [GOAL, "G"],
    ] as const) {
      const count = cells.filter((each) => each === token).length;
      if (count !== 1) return `the maze has ${count === 0 ? "no" : count} ${name}; expected exactly one`;
    }
    const drawn = cells.indexOf(PATH);
    if (drawn >= 0) return `a path cell at ${this.place(drawn)}; expected a maze without its path`;
    const way = this.distances(question)[cells.indexOf(GOAL)];
    return way === -1 ? "no way from S to G; expected one at least" : "";
  }

  check(question: ArrayLike<number>, answer: ArrayLike<number>): Verdict {
    const wrong = this.wrong(question, answer);
    const reason = this.reason(question, answer);
    return { solved: reason === "", reason, wrong };
  }

  private reason(question: ArrayLike<number>, answer: ArrayLike<number>): string {
    const cells = Array.from(answer);
    if (Array.from(question).includes(PATH)) return "the question has a path drawn already";
    for (let cell = 0; cell < cells.length; cell++) {
      if (this.isChanged(question, answer, cell)) {
        const [before, after] = [question[cell] as number, cells[cell] as number];
        return `changes ${NAMES[before]} at ${this.place(cell)} to ${NAMES[after]}`;
      }
    }
    const path = cells.flatMap((token, cell) => (token === PATH ? [cell] : []));
    const [start, goal] = [cells.indexOf(START), cells.indexOf(GOAL)];
    const shortest = this.distances(question)[goal] as number;
    if (path.length === 0 && shortest !== 1) return "no path is drawn";
    for (const [end, name] of [
      [start, "S"],
      [goal, "G"],
    ] as const) {
      const beside = this.joints(answer, end);
      if (beside !== 1) return `expected one ${name} and one cell of the path beside it, got ${beside || "none"} beside it`;
    }
    const what: Record<number, string> = {
      0: "a stray path cell",
      1: "the path breaks off",
      3: "the path branches",
      4: "the path crosses itself",
    };
    for (const cell of path) {
      const joints = this.joints(answer, cell);
      if (joints !== 2) return `${what[joints]} at ${this.place(cell)}`;
    }
    const joined = this.joined(answer);
    const apart = path.find((cell) => !joined.has(cell));
    if (apart !== undefined) return `path cells lie apart from the path, as at ${this.place(apart)}`;
    const steps = path.length + 1;
    return steps === shortest ? "" : `the path has ${steps} steps, the shortest ${shortest}`;
  }

  private wrong(question: ArrayLike<number>, answer: ArrayLike<number>): number[] {
    const joined = this.joined(answer);
    return Array.from(answer).flatMap((token, cell) => {
      const loose = token === PATH && (this.joints(answer, cell) !== 2 || !joined.has(cell));
      return loose || this.isChanged(question, answer, cell) ? [cell] : [];
    });
  }

  private isChanged(question: ArrayLike<number>, answer: ArrayLike<number>, cell: number): boolean {
    const [before, after] = [question[cell], answer[cell]];
    return before !== after && !(before === FREE && after === PATH);
  }

  private joints(answer: ArrayLike<number>, cell: number): number {
    return this.near(cell).filter((next) => (answer[next] as number) >= START).length;
  }

  /** Cells that hang together with S or G. */
  private joined(answer: ArrayLike<number>): Set<number> {
    const ends = Array.from(answer).flatMap((token, cell) => (token === START || token === GOAL ? [cell] : []));
    const found = new Set(ends);
    for (const cell of found) for (const next of this.near(cell)) if ((answer[next] as number) >= START) found.add(next);
    return found;
  }

  private place(cell: number): string {
    return `row ${Math.floor(cell / this.width) + 1}, column ${(cell % this.width) + 1}`;
  }
}
