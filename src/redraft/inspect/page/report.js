// The page: which frame is shown, which cell is looked at, and all that follows from these two.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const percent = (share) => (share === null ? "–" : share >= 0.9995 ? "100 %" : share < 0.0005 ? "0 %" : `${(100 * share).toFixed(share > 0.1 && share < 0.9 ? 0 : 1)} %`);
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const root = document.documentElement;

window.addEventListener("error", (event) => { root.dataset.error = event.message; });

for (const frame of data.frames)
  for (const name of ["y", "ySure", "z", "zSure", "wrong", "differs", "likely", "shares"]) if (frame[name]) frame[name] = bytes(frame[name]);
data.given = bytes(data.given);
data.asked = bytes(data.asked);
if (data.influence) data.influence.steps = data.influence.steps.map(bytes);
if (data.attention)
  for (const maps of Object.values(data.attention.steps)) for (const layer of maps) layer.forEach((map, i) => { layer[i] = bytes(map); });

const [ROWS, COLUMNS] = data.size;
const CELLS = ROWS * COLUMNS;
const ends = data.frames.filter((frame) => frame.end);
const steps = ends.slice(1);
const state = { frames: ends, at: ends.length - 1, held: 0, over: null, source: "", toward: true, land: "y", timer: null };
const plots = [];

// Which cell is looked at first: the one that changed last, for it has the most to tell.
function lastToSettle() {
  let best = data.asked.indexOf(1), when = -1;
  for (let i = 0; i < CELLS; i++)
    for (let step = ends.length - 1; step > when && step > 1; step--)
      if (data.asked[i] && ends[step].y[i] !== ends[step - 1].y[i]) { best = i; when = step; }
  return Math.max(best, 0);
}

function cellChosen(cell, keep) {
  if (keep) { state.held = cell; state.over = null; } else state.over = cell;
  showCell();
}

const boards = {
  y: new Board($("board-y"), data.size, data.block, "The answer", cellChosen),
  z: new Board($("board-z"), data.size, data.block, "The latent, read as an answer", cellChosen),
  map: new Board($("board-map"), data.size, data.block, "Which cells this one depends on", cellChosen),
};

function placeOf(i) {
  return `row ${Math.floor(i / COLUMNS) + 1}, column ${(i % COLUMNS) + 1}`;
}

function before(frame) {
  return ends[frame.end ? frame.step - 1 : Math.max(frame.step - 1, 0)];
}

function styleOf(i, frame, which) {
  if (frame.step === 0) return data.given[i] ? "given" : "blank";
  if (which === "y" && frame.wrong && frame.wrong[i]) return "wrong";
  if (which === "y" && frame.step > 1 && frame.y[i] !== before(frame).y[i]) return "changed";
  const [symbol, fill] = data.glyphs[frame[which][i]];
  if (data.given[i] && frame[which][i] === ends[0].y[i]) return "given";
  return symbol || fill ? "filled" : "blank";
}

function rowsInWords(numbers) {
  const rows = [];
  for (let r = 0; r < ROWS; r++)
    rows.push(`row ${r + 1}: ` + Array.from(numbers.slice(r * COLUMNS, (r + 1) * COLUMNS), (n) => data.glyphs[n][0] || (data.glyphs[n][1] ? "filled" : "blank")).join(" "));
  return CELLS <= 100 ? rows.join("; ") : `${ROWS} by ${COLUMNS} cells`;
}

function showFrame() {
  const frame = state.frames[state.at];
  for (let i = 0; i < CELLS; i++) boards.y.draw(i, data.glyphs[frame.y[i]], styleOf(i, frame, "y"), frame.ySure ? frame.ySure[i] / 255 : 1);
  if (frame.z) for (let i = 0; i < CELLS; i++) boards.z.draw(i, data.glyphs[frame.z[i]], styleOf(i, frame, "z"), frame.zSure[i] / 255);
  else for (let i = 0; i < CELLS; i++) boards.z.draw(i, ["", "", ""], "blank", 1);
  const title = frame.step === 0 ? "the question" : frame.end ? `after step ${frame.step}` : `within step ${frame.step}`;
  $("when").textContent = title;
  $("caption").textContent = told(frame);
  $("caption-z").textContent = toldOfLatent(frame);
  boards.y.say(`${title}. ${rowsInWords(frame.y)}`);
  boards.z.say(frame.z ? `The latent ${title}. ${rowsInWords(frame.z)}` : "The latent cannot be read here");
  const at = frame.end ? frame.step : frame.step - 1 + frame.evaluation[0] / frame.evaluation[1];
  for (const plot of plots) plot.show(at);
  showKeys(frame);
  $("slider").value = state.at;
  $("slider").setAttribute("aria-valuetext", title);
  $("where").textContent = frame.step === 0 ? "question" : `step ${frame.step} of ${steps.length}`;
  if (frame.evaluation && state.frames !== ends)
    html("span", {}, $("where"), `${frame.renews}: ${frame.evaluation[0]} of ${frame.evaluation[1]}`);
  root.dataset.step = frame.step;
  root.dataset.board = Array.from(frame.y, (n) => data.glyphs[n][0] || "·").join("");
  if (!state.timer) $("told").textContent = `${title}. ${$("caption").textContent}`;
  showCell();
}

function told(frame) {
  if (frame.step === 0) return `${count(data.asked.reduce((sum, each) => sum + each, 0), "cell")} to be filled in`;
  if (!frame.end) return `evaluation ${frame.evaluation[0]} of ${frame.evaluation[1]} renews ${frame.renews}, which moves by ${number(frame.moved)}`;
  const wrong = frame.wrong.reduce((sum, each) => sum + each, 0);
  const parts = [frame.step === 1 ? "the first draft" : frame.changed ? `${count(frame.changed, "cell")} changed` : "nothing changed"];
  if (frame.right) parts.push(data.judged ? "all rules kept" : "equals the known answer");
  else if (wrong) parts.push(data.judged ? `${count(wrong, "cell")} ${wrong === 1 ? "breaks" : "break"} a rule` : `${count(wrong, "cell")} wrong`);
  else if (frame.reason) parts.push(frame.reason);
  parts.push(`${percent(frame.halt)} sure to be right${frame.halts ? ", would halt" : ""}`);
  return parts.join(" · ");
}

function toldOfLatent(frame) {
  if (frame.step === 0) return "nothing thought yet";
  if (!frame.z) return "This model's latent has another shape than its answer: it cannot be read.";
  let same = 0, all = 0;
  for (let i = 0; i < CELLS; i++) if (data.asked[i]) { all++; same += frame.z[i] === frame.y[i]; }
  return `The answer head was never trained to read it; here ${same} of ${count(all, "cell")} asked for ${same === 1 ? "agrees" : "agree"} with y.`;
}

function number(value) {
  return value === null || value === undefined ? "–" : value === 0 ? "0" : value < 0.001 ? value.toExponential(1).replace("e-", "×10⁻").replace(/⁻(\d)$/, (_, d) => "⁻" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]) : value.toPrecision(2);
}

// One cell
function showCell() {
  const frame = state.frames[state.at], i = state.over ?? state.held;
  for (const board of Object.values(boards)) board.hold(i);
  $("cell-name").textContent = `${placeOf(i)}${data.given[i] ? ", given" : ""}`;
  showLikely(frame, i);
  showHistory(frame, i);
  showMap(frame, i);
}

function glyphInto(node, [symbol, fill, ink]) {
  node.textContent = symbol || (fill ? "" : "·");
  node.style.background = fill;
  node.style.color = fill ? ink : "";
}

function showLikely(frame, i) {
  const list = $("likely"), shown = frame.end ? frame : before(frame);
  list.replaceChildren();
  if (!shown.likely) { html("li", { class: "soft small", style: "display:block" }, list, "no draft yet"); return; }
  const each = shown.likely.length / CELLS;
  for (let k = 0; k < each; k++) {
    const item = html("li", {}, list), share = shown.shares[i * each + k] / 255;
    glyphInto(html("span", { class: "what" }, item), data.glyphs[data.tokens[shown.likely[i * each + k]]]);
    html("span", { style: `width:${(100 * share).toFixed(1)}%` }, html("span", { class: "much" }, item));
    html("span", { class: "share" }, item, percent(share));
  }
}

function showHistory(frame, i) {
  const list = $("history");
  if (list.childElementCount !== steps.length) {
    list.replaceChildren();
    for (const each of steps) {
      const button = html("button", { type: "button" }, html("li", {}, list));
      html("span", { class: "g" }, button);
      html("span", { class: "n" }, button, each.step);
      button.addEventListener("click", () => seekStep(each.step));
    }
  }
  steps.forEach((each, k) => {
    const button = list.children[k].firstChild, sure = each.ySure[i] / 255, glyph = data.glyphs[each.y[i]];
    glyphInto(button.firstChild, glyph);
    button.firstChild.style.opacity = 0.35 + 0.65 * sure;
    button.setAttribute("aria-label", `step ${each.step}: ${glyph[0] || "no letter"}, ${percent(sure)}`);
    button.setAttribute("aria-current", frame.end && frame.step === each.step);
    button.title = `step ${each.step}: ${percent(sure)}`;
  });
}

// The map: which cells it depends on
function strengthsOf(step, i) {
  const map = new Float32Array(CELLS);
  if (state.source === "occlusion") {
    const changes = data.influence.steps[Math.min(step, data.influence.steps.length) - 1], cells = data.influence.cells;
    if (state.toward) cells.forEach((cell, k) => { map[cell] = changes[k * CELLS + i] / 255; });
    else if (cells.includes(i)) { const k = cells.indexOf(i); for (let j = 0; j < CELLS; j++) map[j] = changes[k * CELLS + j] / 255; }
    else return null;
    return map;
  }
  const maps = data.attention.steps[step], [layer, head] = state.source.split(".").map(Number);
  if (!maps) return null;
  const heads = head < 0 ? maps[layer] : [maps[layer][head]];
  for (const each of heads) for (let j = 0; j < CELLS; j++) map[j] += each[state.toward ? i * CELLS + j : j * CELLS + i] / 255 / heads.length;
  return map;
}

function showMap(frame, i) {
  if (!state.source) return;
  const step = frame.end ? frame.step : Math.max(frame.step - 1, 0);
  const strengths = step ? strengthsOf(step, i) : null;
  const most = strengths ? Math.max(...strengths) : 0;
  const shown = Array.from(step ? ends[step].y : ends[0].y, (n) => data.glyphs[n]);
  boards.map.heat(shown, strengths && most > 0.002 ? strengths.map((each) => each / most) : null);
  $("h-map").textContent = state.toward ? "What the cell depends on" : "What depends on the cell";
  const occluded = state.source === "occlusion";
  let words;
  if (!step) words = "no draft yet";
  else if (!strengths) words = occluded ? "This cell was blank: there is nothing to take away." : "Attention was kept for the last step only.";
  else if (most <= 0.002) words = state.toward ? "No single given matters to this cell." : "Without this cell, nothing changes.";
  else if (occluded) words = state.toward
    ? `Strongest: without that given, this cell's probabilities shift by ${percent(most)}.`
    : `Strongest: without this given, that cell's probabilities shift by ${percent(most)}.`;
  else words = state.toward ? "Strongest: what this cell attends to most." : "Strongest: who attends to this cell most.";
  if (occluded && step > data.influence.steps.length) words += ` As of step ${data.influence.steps.length}, the last that was followed.`;
  $("caption-map").textContent = words;
  boards.map.say(`${$("h-map").textContent}, ${placeOf(i)}. ${words}`);
}

function mapControls() {
  const sources = data.influence ? [["occlusion", "blank one given"]] : [];
  if (data.attention)
    for (let layer = 0; layer < data.attention.layers; layer++)
      for (let head = -1; head < data.attention.heads; head++)
        sources.push([`${layer}.${head}`, `attention, layer ${layer + 1}, ${head < 0 ? "mean of heads" : `head ${head + 1}`}`]);
  if (!sources.length) {
    document.querySelector(".map").hidden = true;
    document.querySelector(".latent").style.gridColumn = "2 / 4";
    return;
  }
  state.source = sources[0][0];
  const place = $("map-controls");
  choice(place, [["depends on", true], ["is needed by", false]], () => state.toward, (value) => { state.toward = value; showCell(); });
  if (sources.length === 1) return;
  const select = html("select", { "aria-label": "Kind of map" }, place);
  for (const [value, name] of sources) html("option", { value }, select, name);
  select.addEventListener("change", () => { state.source = select.value; showCell(); });
}

function choice(place, options, current, choose) {
  const pair = html("span", { class: "pair", role: "group" }, place);
  const buttons = options.map(([name, value]) => {
    const button = html("button", { type: "button" }, pair, name);
    button.addEventListener("click", () => { choose(value); mark(); });
    return [button, value];
  });
  const mark = () => buttons.forEach(([button, value]) => button.setAttribute("aria-pressed", current() === value));
  mark();
}

// Curves and ways
const rightShare = steps.map((frame) => {
  const bad = frame.differs || frame.wrong;
  let good = 0, all = 0;
  for (let i = 0; i < CELLS; i++) if (data.asked[i]) { all++; good += !bad[i]; }
  return all ? good / all : null;
});
const curves = {
  sure: [
    { name: "probability that all is right", values: steps.map((frame) => frame.halt), colour: "blue", dash: "solid" },
    { name: "confidence, mean of cells", values: steps.map((frame) => frame.sure), colour: "orange", dash: "dashed" },
    ...(data.known || data.judged ? [{ name: data.known ? "cells as in the known answer" : "cells that break no rule", values: rightShare, colour: "green", dash: "dotted" }] : []),
  ],
  moved: [
    { name: "y moved", values: steps.map((frame) => frame.yMoved), colour: "blue", dash: "solid" },
    ...(steps.some((frame) => frame.zMoved !== null) ? [{ name: "z moved", values: steps.map((frame) => frame.zMoved), colour: "orange", dash: "dashed" }] : []),
    { name: "residual", values: steps.map((frame) => frame.residual), colour: "grey", dash: "dotted" },
  ],
};

function showKeys(frame) {
  const inside = frame.end && frame.step > 0;
  keyed($("key-sure"), curves.sure.map((each) => ({ ...each, value: inside ? percent(each.values[frame.step - 1]) : "" })));
  keyed($("key-moved"), curves.moved.map((each) => ({ ...each, value: inside ? number(each.values[frame.step - 1]) : "" })));
}

function plotAll() {
  const describe = (list) => list.map((each) => `${each.name}: ${each.values.map((value) => number(value)).join(", ")}`).join(". ");
  plots.push(new Curves($("plot-sure"), curves.sure, { label: `By step. ${describe(curves.sure)}`, seek: seekStep }));
  plots.push(new Curves($("plot-moved"), curves.moved, { log: true, label: `By step. ${describe(curves.moved)}`, seek: seekStep }));
  const land = data.landscape;
  if (!land) {
    $("landscape").hidden = true;
    document.querySelector(".plots").classList.add("two");
    return;
  }
  const good = land.right.reduce((sum, each) => sum + each, 0), words = data.judged ? "solved" : "right";
  const label = `States of ${land.right.length} puzzles along two principal axes: ${good} end ${words}, ${land.right.length - good} do not`;
  const ways = new Ways($("plot-land"), land.y, land.right, label);
  plots.push(ways);
  keyed($("key-land"), [
    { name: words, value: `${good}`, colour: "blue", dash: "solid" },
    { name: `not ${words}`, value: `${land.right.length - good}`, colour: "orange", dash: "dashed" },
    { name: "this puzzle", colour: "ink", spot: true },
  ]);
  if (land.z) choice($("land-controls"), [["answer y", "y"], ["latent z", "z"]], () => state.land, (value) => { state.land = value; ways.choose(land[value]); });
}

// Words around it
function about() {
  $("weights").textContent = data.weights;
  const mark = data.right === null ? "?" : data.right ? "✓" : "✗";
  $("verdict").textContent = `${mark} ${data.verdict}`;
  $("verdict").classList.add(data.right === null ? "plain" : data.right ? "good" : "bad");
  $("summary").textContent = `${data.task}, ${data.place}, ${count(steps.length, "supervision step")}`;
  for (const [name, value] of data.facts) { html("dt", {}, $("facts"), name); html("dd", {}, $("facts"), value); }
  for (const note of data.notes) html("li", {}, $("notes"), note);
  const coloured = data.glyphs.some((glyph) => glyph[1]);
  const key = coloured
    ? [["changed", "changed (blue frame)"], ["wrong", "wrong (dashed frame)"], ["", "paler: less sure"]]
    : [["given", "given"], ["filled", "filled in"], ["changed", "changed"], ["wrong", data.judged ? "breaks a rule" : "wrong"], ["", "bar and shade: how sure"]];
  for (const [style, words] of key) {
    const item = html("li", {}, $("key"));
    if (style) {
      const sample = svg("svg", { width: 18, height: 18, viewBox: "0 0 40 40", "aria-hidden": "true" }, item);
      svg("rect", { x: 1, y: 1, width: 38, height: 38, rx: 6, class: coloured ? "c-blank" : `c-${style}`, stroke: "var(--line)", "stroke-width": 2 }, sample);
      if (coloured) svg("path", { d: "M6 6h28v28h-28z", class: `mark m-${style}`, "stroke-width": 5 }, sample);
      else svg("text", { x: 20, y: 30, "text-anchor": "middle", "font-size": 27, class: `t-${style}` }, sample).textContent = "5";
    }
    html("span", {}, item, words);
  }
  const kind = data.probability === "softmax" ? "soft-max" : "stable-max, as in the training's loss";
  const words = [
    ["Answer and latent", "The model carries an answer y and a latent z from step to step. Both are shown as its answer head reads them: in each cell the most probable token."],
    ["Confidence", `The probability of the token shown, under ${kind}. The probability that all is right comes from the halting head.`],
    ["Moved, residual", "How far a state went in a step, relative to its length: ‖new − old‖ / ‖old‖. The residual is that of y and z together for one step more from there: zero at a fixed point, where nothing changes any more."],
    ["What a cell depends on", "Each given in turn is blanked and the puzzle run again from the start; the stronger the colour of a given, the more the cell's probabilities shift without it, after as many steps (half the sum of absolute differences). No model's insides are needed for that; where there is attention, its shares at the step's last evaluation can be chosen instead."],
    ["Trajectories of many puzzles", "Their states after each step, averaged over the cells and seen along the two axes along which these means differ most (principal components, the same for all steps). Spots mark the step shown."],
  ];
  for (const [term, text] of words) { html("dt", {}, $("explained"), term); html("dd", {}, $("explained"), text); }
}

// Moving through the frames
function seek(at) {
  state.at = Math.min(Math.max(at, 0), state.frames.length - 1);
  showFrame();
}

function seekStep(step) {
  stop();
  seek(state.frames.indexOf(ends[Math.min(Math.max(step, 0), steps.length)]));
}

function stop() {
  clearInterval(state.timer);
  state.timer = null;
  $("play").firstChild.textContent = "▶";
  $("play").setAttribute("aria-label", "Play");
}

function play() {
  if (state.timer) { stop(); return; }
  if (state.at === state.frames.length - 1) seek(0);
  state.timer = setInterval(() => {
    seek(state.at + 1);
    if (state.at === state.frames.length - 1) stop();
  }, state.frames === ends ? 700 : 180);
  $("play").firstChild.textContent = "❚❚";
  $("play").setAttribute("aria-label", "Pause");
}

function useFrames(frames) {
  const now = state.frames[state.at];
  state.frames = frames;
  $("slider").max = frames.length - 1;
  $("ticks").replaceChildren();
  frames.forEach((frame, i) => {
    if (frame.end) html("i", { style: `left:${(100 * i) / (frames.length - 1)}%`, class: frame.step === data.solvedAt ? "solved" : "" }, $("ticks"));
  });
  seek(frames.includes(now) ? frames.indexOf(now) : frames.indexOf(ends[now.step]));
}

// `#step=3` shows that step, `#step=3&evaluation=2` what the second evaluation of the network made within it.
function fromAddress() {
  const wanted = /step=(\d+)(?:&evaluation=(\d+))?/.exec(location.hash);
  if (!wanted) return;
  const [step, evaluation] = [Number(wanted[1]), Number(wanted[2])];
  const within = data.frames.findIndex((frame) => frame.step === step && frame.evaluation && frame.evaluation[0] === evaluation);
  if (within < 0) { seekStep(step); return; }
  stop();
  $("fine").checked = true;
  useFrames(data.frames);
  seek(within);
}

about();
mapControls();
plotAll();
state.held = lastToSettle();
if (data.frames.length > ends.length) {
  $("recursions").hidden = false;
  $("fine").addEventListener("change", () => { stop(); useFrames($("fine").checked ? data.frames : ends); });
}
$("slider").addEventListener("input", () => { stop(); seek(Number($("slider").value)); });
$("play").addEventListener("click", play);
$("back").addEventListener("click", () => { stop(); seek(state.at - 1); });
$("forth").addEventListener("click", () => { stop(); seek(state.at + 1); });
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  const moves = { ArrowLeft: state.at - 1, ArrowRight: state.at + 1, Home: 0, End: state.frames.length - 1 };
  if (event.key in moves) { event.preventDefault(); stop(); seek(moves[event.key]); }
  if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); play(); }
});
window.addEventListener("hashchange", fromAddress);
useFrames(ends);
fromAddress();
root.dataset.steps = steps.length;
