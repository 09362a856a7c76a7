// Boards: SVG of cells, the same for every task, made once and brought up to date at every step.

const SIDE = 40; // of a cell, in the units of the drawing

function svg(tag, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
}

function html(tag, attributes, parent, text) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function bytes(packed) {
  return packed ? Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)) : null;
}

class Board {
  // `told` is called with the number of a cell that is pointed at (null when the pointer leaves) or chosen.
  constructor(place, [rows, columns], [tall, wide], name, told) {
    this.rows = rows;
    this.columns = columns;
    const width = columns * SIDE, height = rows * SIDE;
    this.root = svg("svg", { viewBox: `-2 -2 ${width + 4} ${height + 4}`, role: "img", tabindex: 0, "aria-label": name }, place);
    this.name = name;
    this.cells = [];
    const layer = svg("g", {}, this.root);
    svg("rect", { width, height, class: "paper" }, layer);
    for (let i = 0; i < rows * columns; i++) {
      const x = (i % columns) * SIDE, y = Math.floor(i / columns) * SIDE;
      const group = svg("g", { transform: `translate(${x} ${y})` }, layer);
      const cell = { ground: svg("rect", { width: SIDE, height: SIDE }, group) };
      cell.heat = svg("rect", { width: SIDE, height: SIDE, class: "heat", opacity: 0 }, group);
      cell.mark = svg("path", { d: `M3 3h${SIDE - 6}v${SIDE - 6}h${6 - SIDE}z`, class: "mark", visibility: "hidden" }, group);
      cell.text = svg("text", { x: SIDE / 2, y: SIDE * 0.7, "font-size": SIDE * 0.58 }, group);
      cell.bar = svg("rect", { x: 5, y: SIDE - 6, height: 2.6, rx: 1.3, width: 0, class: "bar" }, group);
      group.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && told(i, false));
      group.addEventListener("click", () => told(i, true));
      this.cells.push(cell);
    }
    this.root.addEventListener("pointerleave", () => told(null, false));
    svg("path", { class: "hair", d: this.lines(1, 1, tall, wide) }, this.root);
    svg("path", { class: "frame", d: this.lines(tall, wide, 0, 0) + `M0 0H${width}V${height}H0Z` }, this.root);
    this.held = svg("rect", { class: "held", width: SIDE, height: SIDE, rx: 2, visibility: "hidden" }, this.root);
    this.empty = svg("text", { class: "empty", x: width / 2, y: height / 2 }, this.root);
    this.root.addEventListener("keydown", (event) => this.key(event, told));
  }

  // Lines every so many rows and columns, but for those at every `tall` rows and `wide` columns.
  lines(rows, columns, tall, wide) {
    let path = "";
    for (let r = rows; r < this.rows; r += rows) if (!tall || r % tall) path += `M0 ${r * SIDE}h${this.columns * SIDE}`;
    for (let c = columns; c < this.columns; c += columns) if (!wide || c % wide) path += `M${c * SIDE} 0v${this.rows * SIDE}`;
    return path;
  }

  key(event, told) {
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const way = ways[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.at ?? 0;
    const row = Math.min(Math.max(Math.floor(at / this.columns) + way[0], 0), this.rows - 1);
    const column = Math.min(Math.max((at % this.columns) + way[1], 0), this.columns - 1);
    told(row * this.columns + column, true);
  }

  hold(cell) {
    this.at = cell;
    this.held.setAttribute("visibility", cell === null ? "hidden" : "visible");
    if (cell === null) return;
    this.held.setAttribute("x", (cell % this.columns) * SIDE);
    this.held.setAttribute("y", Math.floor(cell / this.columns) * SIDE);
  }

  // One cell: its glyph [symbol, fill, ink on it], its style, and how sure the model is of it (0 to 1).
  draw(i, [symbol, fill, ink], style, sure) {
    const cell = this.cells[i], shown = style === "given" ? 1 : 0.35 + 0.65 * sure;
    cell.text.textContent = symbol;
    cell.text.setAttribute("class", fill ? "" : `t-${style}`);
    cell.text.style.fill = fill ? ink : "";
    cell.text.setAttribute("opacity", shown);
    cell.ground.setAttribute("class", fill ? "" : `c-${style}`);
    cell.ground.style.fill = fill;
    cell.ground.setAttribute("opacity", fill ? shown : 1);
    const framed = fill && (style === "changed" || style === "wrong");
    cell.mark.setAttribute("visibility", framed ? "visible" : "hidden");
    cell.mark.setAttribute("class", `mark m-${style}`);
    cell.bar.setAttribute("class", `bar b-${style}`);
    cell.bar.setAttribute("width", symbol && !fill && style !== "given" ? sure * (SIDE - 10) : 0);
  }

  // The question, faint, under a map: for each cell how strong it is, 0 to 1; null where there is none.
  heat(glyphs, strengths) {
    this.cells.forEach((cell, i) => {
      const [symbol, fill, ink] = glyphs[i], strong = strengths ? strengths[i] : 0;
      cell.ground.setAttribute("class", fill ? "" : "c-blank");
      cell.ground.style.fill = fill;
      cell.ground.setAttribute("opacity", fill ? 0.16 : 1);
      cell.heat.setAttribute("opacity", strong * 0.92);
      cell.text.textContent = symbol;
      cell.text.style.fill = strong > 0.5 ? "var(--card)" : "var(--soft)";
    });
  }

  say(text) {
    this.root.setAttribute("aria-label", text);
  }

  blank(words) {
    this.empty.textContent = words;
    this.cells.forEach((cell) => cell.text.textContent && (cell.text.textContent = ""));
  }
}
