/** The worker, as functions that can be waited for. */

import type { Description } from "redraft-js";

import type { FromWorker, Outcome, Shown, ToWorker } from "./messages.js";
import { strings } from "./strings.js";

export interface Loaded {
  description: Description;
  seconds: number;
  threads: number;
}

export interface Watcher {
  draft(draft: Shown): void;
  remark(remark: "several" | "none"): void;
}

/** A folder of the page with a model, or the contents of its files. */
export type Source = { base: string } | { config: unknown; graph: Uint8Array; starts: Uint8Array | undefined };

const PATIENCE = 5_000; // milliseconds until a worker that does not stop is ended
const LONGEST = 120_000; // milliseconds that a model may take to load

export class Engine {
  private worker: Worker;
  private model: Source | null = null;
  private readonly waiting = new Map<number, (message: FromWorker) => void>();
  private last = 0;

  constructor(private readonly broken: (reason: string) => void) {
    this.worker = this.begin();
  }

  /** Loads a model; fails with what is wrong with it. */
  load(from: Source): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      const id = this.wait((message) => {
        clearTimeout(late);
        this.waiting.delete(id);
        if (message.kind !== "ready") return reject(new Error(message.kind === "failed" ? message.reason : strings.hung));
        this.model = from;
        resolve({ ...message, description: message.description as Description });
      });
      const late = setTimeout(() => this.restart(), LONGEST);
      this.send(request(from, id));
    });
  }

  /** Solves a puzzle; null where it was stopped, or has no solution. */
  solve(question: Uint8Array, watcher: Watcher): Promise<Outcome | null> {
    return new Promise((resolve, reject) => {
      const id = this.wait((message) => {
        if (message.kind === "draft") return watcher.draft(message.draft);
        if (message.kind === "remark") watcher.remark(message.remark);
        if (message.kind === "remark" && message.remark === "several") return;
        this.waiting.delete(id);
        if (message.kind === "outcome") resolve(message.outcome);
        else if (message.kind === "failed") reject(new Error(message.reason));
        else resolve(null);
      });
      this.send({ kind: "solve", id, question });
    });
  }

  /** Stops solving; a worker that does not listen, as in a graph without end, is replaced by a new one. */
  stop(): void {
    this.send({ kind: "stop" });
    const running = this.last;
    setTimeout(() => this.waiting.has(running) && this.restart(), PATIENCE);
  }

  private begin(): Worker {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.waiting.get(event.data.id)?.(event.data);
    worker.onerror = (event) => this.broken(event.message);
    return worker;
  }

  /** Begins anew with the model that was loaded last; whatever is waited for counts as stopped. */
  private restart(): void {
    this.worker.terminate();
    this.worker = this.begin();
    if (this.model !== null) this.send(request(this.model, ++this.last));
    for (const [id, listener] of [...this.waiting]) listener({ kind: "stopped", id });
  }

  private wait(listener: (message: FromWorker) => void): number {
    this.last += 1;
    this.waiting.set(this.last, listener);
    return this.last;
  }

  private send(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}

function request(from: Source, id: number): ToWorker {
  return "base" in from ? { kind: "load", id, ...from } : { kind: "open", id, ...from };
}
