// Plots: curves against the steps, and trajectories of many puzzles; drawn anew at every width, so that type keeps its size.

const DASHES = { solid: "", dashed: "7 5", dotted: "1.5 5" };

function keyed(list, entries) {
  list.replaceChildren();
  for (const { name, value, colour, dash, spot } of entries) {
    const item = html("li", {}, list);
    const sample = svg("svg", { width: 24, height: 10, "aria-hidden": "true" }, item);
    if (spot) svg("circle", { cx: 12, cy: 5, r: 4, class: `${colour} spot` }, sample);
    else svg("path", { d: "M1 5H23", class: `${colour}`, "stroke-width": 2.4, "stroke-dasharray": DASHES[dash], fill: "none", "stroke-linecap": "round" }, sample);
    html("span", {}, item, name);
    if (value !== undefined) html("b", {}, item, value);
  }
}

// Draws a plot now, and again whenever its place has got another width.
function redrawn(plot, place) {
  let width = null;
  const draw = () => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    plot.draw();
  };
  new ResizeObserver(() => setTimeout(draw)).observe(place); // later: a plot that grows while it is observed is an error
  draw();
}

class Curves {
  // `curves`: {name, values (one a step, null where unknown), colour, dash}; `log` for a logarithmic scale.
  constructor(place, curves, { log = false, format, label, seek }) {
    Object.assign(this, { place, curves, log, format, label, seek, at: 0 });
    this.steps = curves[0].values.length;
    redrawn(this, place);
  }

  scale() {
    if (!this.log) return { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1] };
    const known = this.curves.flatMap((curve) => curve.values).filter((value) => value > 0);
    const low = Math.floor(Math.log10(Math.max(Math.min(...known, 1), 1e-7))), high = Math.ceil(Math.log10(Math.max(...known, 1)));
    const every = Math.ceil((high - low) / 6);
    return { low, high, ticks: Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, i) => high - i * every) };
  }

  draw() {
    const width = Math.max(this.place.clientWidth, 120), height = 250, left = 46, right = 12, top = 10, bottom = 26;
    const { low, high, ticks } = this.scale();
    this.x = (step) => left + ((width - left - right) * (this.steps > 1 ? step - 1 : 0.5)) / Math.max(this.steps - 1, 1);
    this.y = (value) => {
      const on = this.log ? Math.log10(Math.max(value, 10 ** low)) : value;
      return top + ((height - top - bottom) * (high - on)) / (high - low || 1);
    };
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": this.label });
    for (const tick of ticks) {
      const y = this.y(this.log ? 10 ** tick : tick);
      svg("path", { d: `M${left} ${y}H${width - right}`, class: "grid" }, root);
      svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, root).textContent = this.log ? power(tick) : `${100 * tick} %`;
    }
    const every = Math.ceil(this.steps / Math.max(2, Math.floor((width - left) / 34)));
    for (let step = 1; step <= this.steps; step++)
      if ((step - 1) % every === 0) svg("text", { x: this.x(step), y: height - 6, "text-anchor": "middle" }, root).textContent = step;
    this.cursor = svg("path", { class: "cursor" }, root);
    for (const curve of this.curves) {
      let path = "", drawn = false;
      curve.values.forEach((value, i) => {
        const known = value !== null && (!this.log || value >= 0);
        if (known) path += `${drawn ? "L" : "M"}${this.x(i + 1).toFixed(1)} ${this.y(value).toFixed(1)}`;
        drawn = known;
      });
      svg("path", { d: path, class: `line ${curve.colour}`, "stroke-dasharray": DASHES[curve.dash] }, root);
    }
    this.spots = this.curves.map((curve) => svg("circle", { r: 4.5, class: `here spot ${curve.colour}` }, root));
    root.addEventListener("pointerdown", (event) => this.point(event, root, width, left, right));
    root.addEventListener("pointermove", (event) => event.buttons && this.point(event, root, width, left, right));
    this.place.replaceChildren(root);
    this.show(this.at);
  }

  point(event, root, width, left, right) {
    const box = root.getBoundingClientRect();
    const along = ((event.clientX - box.left) / box.width * width - left) / (width - left - right);
    this.seek(Math.min(Math.max(Math.round(1 + along * (this.steps - 1)), 1), this.steps));
  }

  show(step) {
    this.at = step;
    if (!this.spots) return;
    const inside = step >= 1;
    this.cursor.setAttribute("d", inside ? `M${this.x(step)} 10V224` : "");
    this.curves.forEach((curve, i) => {
      const value = inside && Number.isInteger(step) ? curve.values[step - 1] : null;
      this.spots[i].setAttribute("visibility", value === null ? "hidden" : "visible");
      if (value !== null) {
        this.spots[i].setAttribute("cx", this.x(step));
        this.spots[i].setAttribute("cy", this.y(value));
      }
    });
  }
}

function power(exponent) {
  if (exponent >= -2 && exponent <= 2) return `${10 ** exponent}`;
  return "10" + String(exponent).replace(/./g, (sign) => ({ "-": "⁻" })[sign] || "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]);
}

class Ways {
  // The trajectories of many puzzles along two axes; `land` as the report has it, for y or z.
  constructor(place, land, right, label) {
    Object.assign(this, { place, land, right, label, at: 0 });
    redrawn(this, place);
  }

  choose(land) {
    this.land = land;
    this.draw();
  }

  draw() {
    const width = Math.max(this.place.clientWidth, 120), room = { left: 24, right: 8, top: 8, bottom: 24 };
    const [wide, tall] = this.land.extent;
    const most = 320 - room.top - room.bottom, across = width - room.left - room.right;
    const scale = Math.min(across / Math.max(wide, 1), most / Math.max(tall, 1));
    const height = Math.max(250, Math.min(320, tall * scale + room.top + room.bottom));
    const x0 = room.left + (across - wide * scale) / 2, y0 = room.top + (height - room.top - room.bottom - tall * scale) / 2;
    this.to = ([x, y]) => [(x0 + x * scale).toFixed(1), (y0 + (tall - y) * scale).toFixed(1)];
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": this.label });
    svg("rect", { x: room.left, y: room.top, width: across, height: height - room.top - room.bottom, class: "grid", rx: 6 }, root);
    const shares = this.land.explained.map((share) => `${Math.round(100 * share)} % of the variance`);
    svg("text", { x: room.left + across / 2, y: height - 6, "text-anchor": "middle" }, root).textContent = `first axis: ${shares[0]}`;
    svg("text", { transform: `translate(14 ${(height - room.bottom) / 2 + 4}) rotate(-90)`, "text-anchor": "middle" }, root).textContent = `second: ${shares[1]}`;
    const path = (points) => "M" + points.map((point) => this.to(point).join(" ")).join("L");
    const order = this.right.map((_, i) => i).sort((a, b) => this.right[b] - this.right[a]); // the few that fail lie on top
    for (const i of order) svg("path", { d: path(this.land.points[i]), class: `way ${this.right[i] ? "blue" : "orange"}` }, root);
    svg("path", { d: path(this.land.own), class: "way ink" }, root);
    this.spots = order.map((i) => [this.land.points[i], this.right[i]
      ? svg("circle", { r: 2.6, class: "spot blue" }, root)
      : svg("rect", { width: 6, height: 6, class: "spot orange" }, root)]);
    this.spots.push([this.land.own, svg("circle", { r: 5, class: "spot ink" }, root)]);
    this.place.replaceChildren(root);
    this.show(this.at);
  }

  show(step) {
    this.at = step;
    if (!this.spots) return;
    const i = Math.floor(step) - 1; // between steps: where the last one ended
    for (const [points, node] of this.spots) {
      node.setAttribute("visibility", i < 0 ? "hidden" : "visible");
      if (i < 0) continue;
      const [x, y] = this.to(points[i]);
      if (node.tagName === "circle") { node.setAttribute("cx", x); node.setAttribute("cy", y); }
      else { node.setAttribute("x", x - 3); node.setAttribute("y", y - 3); }
    }
  }
}
