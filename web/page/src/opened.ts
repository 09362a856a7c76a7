/** An exported folder that a person opens from the disk. */

export interface Opened {
  task: string;
  summary: string;
  files: { config: unknown; graph: Uint8Array; starts: Uint8Array | undefined };
}

/** What was chosen, null where a file is missing; fails where config.json is no JSON object. */
export async function exported(files: readonly File[]): Promise<Opened | null> {
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const file = files.find((each) => each.name === name);
    return file === undefined ? undefined : new Uint8Array(await file.arrayBuffer());
  };
  const [config, graph, starts] = await Promise.all([read("config.json"), read("model.onnx"), read("starts.f32")]);
  if (config === undefined || graph === undefined) return null;
  const parsed = JSON.parse(new TextDecoder().decode(config)) as unknown;
  const named = at(parsed, "task");
  const [task, summary] = [typeof named === "string" ? named : at(named, "name"), at(at(parsed, "card"), "summary")];
  return { task: text(task) || "grids", summary: text(summary), files: { config: parsed, graph, starts } };
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 500) : "";
}
