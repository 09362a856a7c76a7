/** What the page and its worker send each other. */

/** A draft, made small: what the page shows of it. */
export interface Shown {
  tokens: Uint8Array;
  step: number;
  attempt: number;
  guesses: { cell: number; token: number }[];
  haltProbability: number;
  wrong: number[];
  /** Per cell its three most probable tokens and their probabilities, the best first (L x 3). */
  top: Uint8Array;
  probability: Float32Array;
}

export interface Outcome {
  status: "solved" | "unsolved" | "halted" | "unhalted";
  message: string;
  steps: number;
  seconds: number;
  tokens: Uint8Array;
}

export type ToWorker =
  | { kind: "load"; id: number; base: string }
  | { kind: "open"; id: number; config: unknown; graph: Uint8Array; starts: Uint8Array | undefined }
  | { kind: "solve"; id: number; question: Uint8Array; threads?: number }
  | { kind: "stop" };

export type FromWorker =
  | { kind: "ready"; id: number; description: unknown; seconds: number; threads: number }
  | { kind: "draft"; id: number; draft: Shown }
  | { kind: "remark"; id: number; remark: "several" | "none" }
  | { kind: "outcome"; id: number; outcome: Outcome }
  | { kind: "stopped"; id: number }
  | { kind: "failed"; id: number; reason: string };
