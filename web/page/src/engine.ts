/** The worker, as functions that can be waited for. */

import type { Description } from "redraft-js";

import type { FromWorker, Outcome, Shown, ToWorker } from "./messages.js";

export interface Loaded {
  description: Description;
  seconds: number;
  threads: number;
}

export interface Watcher {
  draft(draft: Shown): void;
  remark(remark: "several" | "none"): void;
}

export class Engine {
  private readonly worker = new Worker("worker.js", { type: "module" });
  private readonly waiting = new Map<number, (message: FromWorker) => void>();
  private last = 0;

  constructor(broken: (reason: string) => void) {
    this.worker.onmessage = (event: MessageEvent<FromWorker>) => this.waiting.get(event.data.id)?.(event.data);
    this.worker.onerror = (event) => broken(event.message);
  }

  /** Loads a model from a folder of the page, or from files; fails with what is wrong with it. */
  load(from: { base: string } | { config: unknown; graph: Uint8Array; starts: Uint8Array | undefined }): Promise<Loaded> {
    const request = "base" in from ? { kind: "load" as const, ...from } : { kind: "open" as const, ...from };
    return new Promise((resolve, reject) => {
      const id = this.wait((message) => {
        this.waiting.delete(id);
        if (message.kind === "ready") resolve({ ...message, description: message.description as Description });
        else reject(new Error(message.kind === "failed" ? message.reason : message.kind));
      });
      this.send({ ...request, id });
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

  stop(): void {
    this.send({ kind: "stop" });
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
