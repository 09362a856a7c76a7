/** An exported model: its graph, run by ONNX Runtime, and its description, as `redraft export` writes them. */

import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-common";

/** The part of ONNX Runtime that is needed: the module `onnxruntime-web` or `onnxruntime-node`. */
export interface Runtime {
  InferenceSession: {
    create(graph: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  Tensor: {
    new (type: "int64", data: BigInt64Array, dims: readonly number[]): TypedTensor<"int64">;
    new (type: "float32", data: Float32Array, dims: readonly number[]): TypedTensor<"float32">;
  };
}

/** How a model solves best, from its model card. */
export interface Habits {
  max_steps?: number;
  restart?: number;
  guess?: boolean;
}

/** `config.json` of an exported folder; what is not listed here is not needed to solve. */
export interface Description {
  task: string | { name?: string };
  card?: { summary?: string; solve?: Habits };
  onnx: {
    /** Runs of the graph that make one supervision step. */
    parts: number;
    /** Shape of a state without batch and width. */
    positions: number[];
    /** The vector that every position of y begins with. */
    y: number[];
    /** The vector that every position of z begins with. */
    z: number[];
    /** Logit above which the halting head counts as sure. */
    halt_above: number;
    /** The symbol that each token stands for. */
    tokens: string[];
    height: number;
    width: number;
    /** How many starting vectors `starts.f32` holds, for restarts. */
    starts?: number;
  };
}

/** What a run of the graph gives for one puzzle. */
export interface Run {
  /** Logits (L x V), row by row. */
  logits: Float32Array;
  /** Logit of the probability that the answer is right. */
  halt: number;
}

/** The state of one puzzle between runs. */
export interface State {
  tokens: TypedTensor<"int64">;
  y: Tensor;
  z: Tensor;
}

export class ModelError extends Error {}

/** A model ready to run. */
export class Model {
  private readonly ids: TypedTensor<"int64">;

  private constructor(
    private readonly runtime: Runtime,
    private readonly session: InferenceSession,
    readonly description: Description,
    private readonly starts: Float32Array,
  ) {
    this.ids = new runtime.Tensor("int64", new BigInt64Array(1), [1]);
  }

  /**
   * Opens a model.
   *
   * @param runtime ONNX Runtime, as a module.
   * @param files the contents of `config.json`, `model.onnx` and, where there is one, `starts.f32`.
   * @throws ModelError where they are not an exported model.
   */
  static async open(
    runtime: Runtime,
    files: { config: unknown; graph: Uint8Array; starts?: Uint8Array | undefined },
    options?: InferenceSession.SessionOptions,
  ): Promise<Model> {
    const description = readDescription(files.config);
    let session: InferenceSession;
    try {
      session = await runtime.InferenceSession.create(files.graph, options);
    } catch (error) {
      throw new ModelError(`model.onnx: ONNX Runtime cannot read it (${String(error)})`);
    }
    for (const name of ["y_next", "z_next", "logits", "halt_logit"]) {
      if (!session.outputNames.includes(name)) throw new ModelError(`model.onnx: no output ${name}`);
    }
    const starts = files.starts ?? new Uint8Array();
    const count = (description.onnx.starts ?? 0) * 2 * description.onnx.y.length;
    if (starts.byteLength !== 0 && starts.byteLength !== count * 4) {
      throw new ModelError(`starts.f32: expected ${count * 4} bytes, got ${starts.byteLength}`);
    }
    return new Model(runtime, session, description, new Float32Array(starts.slice().buffer));
  }

  /** Runs of the graph that make one supervision step. */
  get parts(): number {
    return this.description.onnx.parts;
  }

  /**
   * The state of a puzzle before its first step.
   *
   * @param tokens the question (L).
   * @param attempt 0 begins as the model was trained to; later attempts begin with other vectors.
   */
  start(tokens: ArrayLike<number>, attempt = 0): State {
    const { positions, y, z } = this.description.onnx;
    const width = y.length;
    const stored = this.starts.length / (2 * width);
    const other = attempt > 0 && stored > 0 ? ((attempt - 1) % stored) * 2 * width : -1;
    const filled = (vector: ArrayLike<number>): TypedTensor<"float32"> => {
      const count = positions.reduce((product, size) => product * size, 1);
      const data = new Float32Array(count * width);
      for (let position = 0; position < count; position++) data.set(vector, position * width);
      return new this.runtime.Tensor("float32", data, [1, ...positions, width]);
    };
    return {
      tokens: new this.runtime.Tensor("int64", BigInt64Array.from(Array.from(tokens, BigInt)), [1, tokens.length]),
      y: filled(other < 0 ? y : this.starts.subarray(other, other + width)),
      z: filled(other < 0 ? z : this.starts.subarray(other + width, other + 2 * width)),
    };
  }

  /** One run of the graph; the state is updated in place. */
  async run(state: State): Promise<Run> {
    const feeds: Record<string, Tensor> = { tokens: state.tokens, puzzle_ids: this.ids, y: state.y, z: state.z };
    for (const name of Object.keys(feeds)) if (!this.session.inputNames.includes(name)) delete feeds[name];
    const found = await this.session.run(feeds);
    const output = (name: string): Tensor => found[name] as Tensor;
    state.y = output("y_next");
    state.z = output("z_next");
    const halt = (output("halt_logit").data as Float32Array)[0] as number;
    const on = this.session.outputNames.includes("continue_logit")
      ? ((output("continue_logit").data as Float32Array)[0] as number)
      : 0;
    return { logits: output("logits").data as Float32Array, halt: halt - on };
  }

  /** Frees the memory of the runtime. */
  async close(): Promise<void> {
    await this.session.release();
  }
}

const MOST = 10_000; // cells, positions, runs per step: more is no model for a page

function readDescription(config: unknown): Description {
  const found = config as Partial<Description> | null;
  const onnx = found?.onnx;
  if (typeof onnx !== "object" || onnx === null) {
    throw new ModelError("config.json: expected an object with the key onnx; was this written by redraft export?");
  }
  const words = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === "string");
  const numbers = (value: unknown): boolean => Array.isArray(value) && value.every((each) => Number.isFinite(each));
  const whole = (value: unknown, most: number): boolean =>
    Number.isInteger(value) && (value as number) > 0 && (value as number) <= most;
  const bad = [
    whole(onnx.parts, MOST) || "parts",
    (numbers(onnx.positions) && whole(onnx.positions.reduce((a, b) => a * b, 1), MOST)) || "positions",
    (numbers(onnx.y) && onnx.y.length > 0) || "y",
    (numbers(onnx.z) && onnx.z.length === onnx.y.length) || "z",
    Number.isFinite(onnx.halt_above) || "halt_above",
    whole(onnx.height, MOST) || "height",
    whole(onnx.width, MOST / (onnx.height || 1)) || "width",
    (words(onnx.tokens) && onnx.tokens.length > 1 && onnx.tokens.length <= 256) || "tokens",
  ].filter((each) => each !== true);
  if (bad.length > 0) throw new ModelError(`config.json: onnx: cannot use ${bad.join(", ")}; export it again`);
  return found as Description;
}
