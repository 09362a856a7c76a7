/** The page: a board to fill, and a network that is watched as it fills it. */

import { Notation, type Description } from "redraft-js";

import { Board } from "./board.js";
import { Engine } from "./engine.js";
import { Game, blankOf, empty, filled, fragment, keep, kept, linked, sound, tidied, written, type Position } from "./game.js";
import type { Outcome } from "./messages.js";
import { exported, type Opened } from "./opened.js";
import { key, padName, padTokens } from "./pad.js";
import { strings } from "./strings.js";
import { Thinking } from "./thinking.js";
import { Timeline } from "./timeline.js";
import { TOP, captionOf, explained, placeOf, viewsOf } from "./views.js";

interface Listed {
  name: string;
  /** Files of a model that was opened from the disk. */
  files?: Opened["files"];
  title: string;
  folder: string;
  summary: string;
  /** Questions by difficulty. */
  puzzles: Record<string, string[]>;
}

interface Index {
  models: Listed[];
  /** Whether the server of this page also makes puzzles. */
  api?: boolean;
}

const SERVER = "server"; // the difficulty of puzzles that the server makes
const SHORT = 2; // seconds: what is solved sooner is played again, so that it can be watched

const find = <T extends HTMLElement>(selector: string): T => {
  const found = document.querySelector<T>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
};
const button = (name: string): HTMLButtonElement => find<HTMLButtonElement>(`button[data-do="${name}"]`);

class Page {
  private readonly engine = new Engine((reason) => this.say(strings.loadFailed("worker.js", reason)));
  private readonly thinking = new Thinking(this.engine, {
    say: (sentence) => this.say(sentence),
    busy: (on) => (button("solve").textContent = on ? strings.stop : strings.solve),
  });
  private readonly board: Board;
  private readonly timeline: Timeline;
  private readonly models = find<HTMLSelectElement>("#model");
  private readonly levels = find<HTMLSelectElement>("#level");
  private readonly status = find("#status");
  private readonly pad = find("#pad");
  private readonly detail = find("#detail");

  private listed: Listed[] = [];
  private api = false;
  private model: Listed | null = null;
  private notation: Notation | null = null;
  private game = new Game({ question: new Uint8Array(), entries: new Uint8Array() });
  private outcome: Outcome | null = null;
  private editing = false;
  private tool = 0;
  private marked = new Set<number>();
  private hinted = -1;
  private began = Date.now();
  private complained = false;
  private loads = 0;
  private loading = ""; // the model on its way, if any
  private stroke = 0; // what the pointer writes until it is lifted
  private ended: number | null = null; // when the puzzle was solved by hand

  constructor() {
    this.board = new Board(find("#board"), {
      select: () => this.explain(),
      draw: (cell, first) => this.onDraw(cell, first),
      key: (event) => this.onKey(event),
    });
    this.timeline = new Timeline(find("#timeline"), () => this.render());
    const actions: Record<string, () => void> = {
      solve: () => void this.solve(),
      new: () => void this.another(),
      edit: () => this.toEdit(),
      clear: () => this.clear(),
      again: () => this.move({ ...this.game.position, entries: this.game.position.entries.map(() => 0) }),
      undo: () => this.travel(() => this.game.undo()),
      redo: () => this.travel(() => this.game.redo()),
      share: () => void this.share(),
      hint: () => void this.hint(),
      check: () => void this.check(),
      reveal: () => void this.reveal(),
      use: () => this.bring(find<HTMLTextAreaElement>("#text").value),
    };
    for (const [name, action] of Object.entries(actions)) {
      button(name).addEventListener("click", () => (this.loading === "" ? action() : this.say(strings.loading(this.loading))));
    }
    this.models.addEventListener("change", () => void this.choose(this.models.value));
    find<HTMLInputElement>("#files").addEventListener("change", (event) => void this.openFiles(event));
    find("#timed").addEventListener("change", () => this.tick());
    addEventListener("hashchange", () => void this.follow(location.hash));
    addEventListener("offline", () => this.say(strings.offline));
    document.addEventListener("paste", (event) => this.onPaste(event));
    document.addEventListener("keydown", (event) => this.onShortcut(event));
    setInterval(() => this.tick(), 1000);
  }

  /** Loads the list of models, and the puzzle of the link, of the last visit, or a new one. */
  async start(): Promise<void> {
    if (typeof WebAssembly === "undefined") return this.say(strings.noWasm);
    const response = await fetch("models/index.json");
    const index = (await response.json()) as Index;
    [this.listed, this.api] = [index.models, index.api === true];
    this.models.replaceChildren(...this.listed.map(({ name, title }) => new Option(title, name)));
    if (location.hash.length > 1 && (await this.follow(location.hash))) return;
    const damaged = location.hash.length > 1 ? this.status.textContent : "";
    const last = kept();
    const model = this.listed.find(({ name }) => name === last?.model) ?? this.listed[0];
    if (model === undefined) return this.say(strings.loadFailed("models/index.json", "no models"));
    await this.choose(model.name, last?.model === model.name ? last.question : undefined);
    if (last?.model === model.name && this.notation !== null) {
      const { question } = this.game.position;
      this.game.position = { question, entries: sound(this.notation, question, last.entries) };
      this.render();
    }
    if (damaged) this.say(damaged);
  }

  // models

  private async choose(name: string, question?: string): Promise<boolean> {
    const model = this.listed.find((each) => each.name === name);
    if (model === undefined) return false;
    this.models.value = name;
    return this.load(model, question);
  }

  /** Loads a model and a puzzle; false where it cannot be, or where another was chosen meanwhile. */
  private async load(model: Listed, question?: string): Promise<boolean> {
    const load = ++this.loads;
    const base = new URL(`${model.folder}/`, location.href).href;
    this.thinking.stop();
    this.loading = model.title;
    this.say(strings.loading(model.title));
    document.body.classList.add("busy");
    try {
      const { description, seconds, threads } = await this.engine.load(model.files ?? { base });
      if (load !== this.loads) return false;
      this.take(model, description);
      this.say(strings.loaded(model.title, seconds.toFixed(1)));
      if (model.files === undefined) keepOffline(base, description);
      find("#threads").hidden = threads > 1 || crossOriginIsolated;
    } catch (error) {
      if (load !== this.loads) return false;
      this.say(strings.loadFailed(model.title, (error as Error).message));
      this.models.value = this.model?.name ?? "";
      return false;
    } finally {
      if (load === this.loads) {
        this.loading = "";
        document.body.classList.remove("busy");
      }
    }
    if (question === undefined || !this.paste(question)) await this.another();
    return true;
  }

  private take(model: Listed, description: Description): void {
    [this.model, this.notation] = [model, new Notation(description)];
    this.thinking.forget();
    this.game = new Game({ question: new Uint8Array(), entries: new Uint8Array() }); // moves of another model mean nothing here
    const { height, width } = description.onnx;
    this.board.layOut(this.notation.task, height, width);
    const levels = [...Object.keys(model.puzzles), ...(this.api && this.notation.rules !== null ? [SERVER] : [])];
    this.levels.replaceChildren(...levels.map((level) => new Option(strings.difficulties[level] ?? level, level)));
    this.levels.disabled = button("new").disabled = levels.length === 0;
    if (levels.includes("hard")) this.levels.value = "hard";
    find("#summary").textContent = model.summary;
    for (const name of ["hint", "check", "reveal"]) button(name).hidden = this.notation.rules?.open == null;
    this.edit(levels.length === 0);
  }

  private async openFiles(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    const files = Array.from(input.files ?? []);
    input.value = ""; // so that the same files can be chosen again
    let opened: Opened | null;
    try {
      opened = await exported(files);
    } catch (error) {
      return this.say(strings.loadFailed("config.json", (error as Error).message));
    }
    if (opened === null) return this.say(strings.openModelHelp);
    const { task, summary } = opened;
    const puzzles = this.listed.find(({ name }) => name === task)?.puzzles ?? {};
    const taken = this.listed.some(({ name, files }) => name === task && files === undefined);
    const name = taken ? `${task} *` : task;
    const model = { name, title: name, folder: "", summary, puzzles, files: opened.files };
    await this.load(model);
    if (this.model !== model) return;
    this.listed = [...this.listed.filter((each) => each.name !== name), model];
    this.models.replaceChildren(...this.listed.map(({ name, title }) => new Option(title, name)));
    this.models.value = name;
  }

  // puzzles

  private async another(): Promise<void> {
    const choices = this.levels.value === SERVER ? await this.made() : (this.model?.puzzles[this.levels.value] ?? []);
    if (choices.length === 0) return this.clear();
    const current = this.notation?.format(this.game.position.question);
    const others = choices.filter((each) => each !== current);
    this.paste(others[Math.floor(Math.random() * others.length)] ?? (choices[0] as string));
    this.edit(false);
  }

  /** A new puzzle from the server; none, with the reason in the status, where it makes none. */
  private async made(): Promise<string[]> {
    try {
      const body = JSON.stringify({ task: this.notation?.task, count: 1, seed: Math.floor(Math.random() * 1e9) });
      const request = { method: "POST", headers: { "Content-Type": "application/json" }, body };
      const reply = await (await fetch("v1/make", request)).json();
      if (reply.error !== undefined) throw new Error(reply.error.message);
      return reply.puzzles.map(({ question }: { question: string }) => question);
    } catch (error) {
      this.say(strings.makeFailed((error as Error).message));
      return [];
    }
  }

  private clear(): void {
    const { notation } = this;
    if (notation === null) return;
    this.ask(empty(notation));
    this.edit(true);
  }

  /** Takes a puzzle that a person brings: of the model on show, or of another whose size it has. */
  private bring(text: string): void {
    const size = (model: Listed): number => Object.values(model.puzzles)[0]?.[0]?.length ?? 0;
    const fits = (cells: number): boolean => cells === this.notation?.cells;
    const other = this.listed.find((model) => {
      const [cells, brought] = [size(model), tidied(text, (found) => found === size(model))];
      return cells > 0 && Array.from(brought).length === cells;
    });
    if (fits(Array.from(tidied(text, fits)).length) || other === undefined) this.paste(text);
    else void this.choose(other.name, text);
  }

  /** Takes a puzzle in text; false, with a remark, where it is none. */
  private paste(text: string): boolean {
    if (this.notation === null) return false;
    try {
      this.ask(this.notation.parse(tidied(text, (cells) => cells === this.notation?.cells)));
      return true;
    } catch (error) {
      this.say(strings.badPuzzle((error as Error).message));
      return false;
    }
  }

  private ask(question: Uint8Array): void {
    const entries = new Uint8Array(question.length);
    if (this.game.position.question.length !== question.length) this.game = new Game({ question, entries });
    this.move({ question, entries });
    [this.began, this.ended] = [Date.now(), null];
    find<HTMLTextAreaElement>("#text").value = "";
  }

  private async follow(hash: string): Promise<boolean> {
    const { model, question } = linked(hash) ?? {};
    if (model !== undefined && model === this.model?.name && question !== undefined) return this.paste(question);
    if (model !== undefined && this.listed.some(({ name }) => name === model)) return this.choose(model, question);
    this.say(strings.badLink);
    return false;
  }

  private async share(): Promise<void> {
    if (this.model === null || this.notation === null) return;
    if (this.model.files !== undefined) return this.say(strings.shareOwn);
    const hash = fragment(this.model.name, this.notation.format(this.game.position.question));
    history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      this.say(strings.shared);
    } catch {
      this.say(strings.shareByHand);
    }
  }

  // moves

  private move(next: Position): void {
    this.game.move(next);
    this.changed();
  }

  private travel(action: () => void): void {
    action();
    this.changed();
  }

  private changed(): void {
    this.thinking.stop();
    this.timeline.reset();
    this.outcome = null;
    this.marked.clear();
    this.hinted = -1;
    const { model, notation } = this;
    if (model !== null && notation !== null) {
      const safe = keep(model.name, notation.format(this.game.position.question), this.game.position.entries);
      if (!safe && !this.complained) this.say(strings.noStorage);
      this.complained ||= !safe;
    }
    this.render();
  }

  /** Writes a token into a cell: of the puzzle while that is edited, else as an entry. */
  private write(cell: number, token: number): void {
    const { notation } = this;
    if (notation === null) return;
    const next = written(notation, this.game.position, cell, token, this.editing);
    if (next === null) return this.say(strings.isGiven);
    this.move(next);
    if (this.editing || notation.rules?.check(next.question, filled(next)).solved !== true) return;
    this.ended ??= Date.now();
    this.say(strings.youSolved);
  }

  private get draws(): boolean {
    return this.notation?.rules?.open == null;
  }

  private onDraw(cell: number, first: boolean): void {
    if (!this.draws || this.notation === null) return;
    if (this.timeline.draft !== null) return first ? this.say(strings.inspecting) : undefined;
    const now = filled(this.game.position)[cell] as number;
    if (first) this.stroke = now === this.tool ? 0 : this.tool; // a stroke that begins on its own mark erases
    if (now !== (this.stroke || blankOf(this.notation))) this.write(cell, this.stroke);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.notation === null) return;
    const cell = this.board.selection;
    if (event.key === "Backspace" || event.key === "Delete") this.write(cell, 0);
    else if (this.draws && (event.key === "Enter" || event.key === " ")) this.onDraw(cell, true);
    else if (event.key.length === 1 && event.key !== " ") {
      const token = this.notation.token(event.key);
      if (token === undefined || token === 0) return;
      this.write(cell, token);
    } else return;
    event.preventDefault();
  }

  private onShortcut(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLTextAreaElement;
    if (typing || !(event.ctrlKey || event.metaKey) || !"zy".includes(event.key.toLowerCase())) return;
    event.preventDefault();
    this.travel(() => (event.shiftKey || event.key.toLowerCase() === "y" ? this.game.redo() : this.game.undo()));
  }

  private onPaste(event: ClipboardEvent): void {
    const text = event.clipboardData?.getData("text") ?? "";
    if (event.target instanceof HTMLTextAreaElement || text === "") return;
    event.preventDefault();
    this.bring(text);
  }

  /** Edits the puzzle, or ends that; from a draft, goes back to the puzzle first. */
  private toEdit(): void {
    const drafts = this.timeline.draft !== null;
    if (drafts) this.changed();
    this.edit(drafts || !this.editing);
  }

  private edit(on: boolean): void {
    this.editing = on;
    button("edit").setAttribute("aria-pressed", String(on));
    this.buildPad();
  }

  private buildPad(): void {
    const { notation } = this;
    if (notation === null) return;
    const tokens = padTokens(notation, this.editing);
    if (this.draws && !tokens.includes(this.tool)) this.tool = tokens[0] as number;
    const keys = tokens.map((token) =>
      key(padName(notation, token), this.draws ? token === this.tool : null, () => {
        if (!this.draws) return this.write(this.board.selection, token);
        this.tool = token;
        this.buildPad();
      }),
    );
    const erase = key(strings.erase, null, () => this.write(this.board.selection, 0));
    this.pad.replaceChildren(...keys, erase);
  }

  // thinking

  private async solve(): Promise<void> {
    if (this.thinking.busy) return this.thinking.stop();
    this.timeline.reset();
    this.outcome = null;
    this.render();
    this.outcome = await this.thinking.solve(this.game.position.question, (draft) => this.timeline.add(draft));
    const { outcome } = this;
    if (outcome === null) return;
    this.say(this.sentence(outcome));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (outcome.seconds < SHORT && this.timeline.drafts.length > 1 && !still) this.timeline.play();
    this.render();
  }

  private async solution(): ReturnType<Thinking["solution"]> {
    this.timeline.reset();
    this.render();
    return this.thinking.solution(this.game.position.question);
  }

  private sentence({ status, message, steps, seconds }: Outcome): string {
    const { remark } = this.thinking;
    if (status === "solved") return `${strings.solved(steps, seconds.toFixed(seconds < 1 ? 2 : 1))} ${remark}`.trimEnd();
    if (status === "unsolved") return strings.unsolved(steps, message);
    return status === "halted" ? strings.halted(steps) : strings.unhalted(steps);
  }

  private async hint(): Promise<void> {
    const found = await this.solution();
    if (found === null || this.notation === null) return;
    const open = this.openCells();
    if (open.length === 0) return this.say(strings.hintNone);
    const sureness = (cell: number): number =>
      found.first.top[cell * TOP] === found.outcome.tokens[cell] ? (found.first.probability[cell * TOP] as number) : -1;
    const cell = open.reduce((best, each) => (sureness(each) > sureness(best) ? each : best));
    this.hinted = cell;
    this.board.select(cell);
    this.render();
    const [row, column] = placeOf(this.notation, cell);
    const symbol = this.notation.symbol(found.outcome.tokens[cell] as number);
    this.say(strings.hintIs(row, column, symbol, strings.percent(Math.max(0, sureness(cell)))));
  }

  private async check(): Promise<void> {
    const found = await this.solution();
    if (found === null) return;
    const { entries } = this.game.position;
    const entered = Array.from(entries.keys()).filter((cell) => entries[cell] !== 0);
    const { several, outcome } = found;
    const clashes = this.notation?.rules?.check(this.game.position.question, filled(this.game.position)).wrong ?? [];
    const wrong = (cell: number): boolean => (several ? clashes.includes(cell) : entries[cell] !== outcome.tokens[cell]);
    this.marked = new Set(entered.filter(wrong));
    this.render();
    if (several && this.marked.size === 0 && entered.length > 0) return this.say(strings.checkSeveral);
    this.say(this.marked.size > 0 ? strings.checkBad(this.marked.size) : strings.checkGood(entered.length));
  }

  private async reveal(): Promise<void> {
    const cell = this.board.selection;
    if (this.game.position.question[cell] !== this.notation?.rules?.open) return this.say(strings.revealNone);
    const found = await this.solution();
    if (found === null) return;
    const [before, token] = [this.editing, found.outcome.tokens[cell] as number];
    this.editing = false;
    this.write(cell, token);
    this.editing = before;
    if (this.notation !== null && this.status.textContent !== strings.youSolved) {
      this.say(strings.revealed(...placeOf(this.notation, cell), this.notation.symbol(token)));
    }
  }

  private openCells(): number[] {
    const tokens = filled(this.game.position);
    return Array.from(tokens.keys()).filter((cell) => tokens[cell] === this.notation?.rules?.open);
  }

  // showing

  private render(): void {
    const { notation } = this;
    if (notation === null) return;
    const { draft, before } = this.timeline;
    const views = viewsOf(notation, this.game.position, draft, before, { wrong: this.marked, hinted: this.hinted });
    this.board.show(views);
    if (draft !== null) this.say(this.caption());
    if (this.outcome !== null && draft === this.timeline.drafts.at(-1)) this.say(this.sentence(this.outcome));
    button("undo").disabled = !this.game.undoable;
    button("redo").disabled = !this.game.redoable;
    this.explain();
  }

  private caption(): string {
    const { draft, before } = this.timeline;
    if (draft === null || this.notation === null) return "";
    return captionOf(this.notation, this.game.position, draft, before);
  }

  private explain(): void {
    if (this.notation !== null) {
      this.detail.replaceChildren(...explained(this.notation, this.timeline.drafts, this.timeline.draft, this.board.selection));
    }
  }

  private say(sentence: string): void {
    this.status.textContent = sentence;
  }

  private tick(): void {
    const shown = find<HTMLInputElement>("#timed").checked;
    const seconds = Math.floor(((this.ended ?? Date.now()) - this.began) / 1000);
    find("#clock").textContent = shown ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
  }
}

/** Has the service worker keep a model: the first visit loads it before there is one. */
function keepOffline(base: string, { onnx }: Description): void {
  if (!("serviceWorker" in navigator)) return;
  const keep = ["config.json", "model.onnx", ...(onnx.starts ? ["starts.f32"] : [])].map((file) => base + file);
  void navigator.serviceWorker.ready.then(({ active }) => active?.postMessage({ keep }));
}

function translate(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    const path = (element.dataset["text"] as string).split(".");
    const found = path.reduce<unknown>((from, key) => (from as Record<string, unknown>)[key], strings);
    if (element.dataset["attribute"] === undefined) element.textContent = String(found);
    else element.setAttribute(element.dataset["attribute"], String(found));
  }
}

translate();
void new Page().start();
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("sw.js").catch(() => undefined);
