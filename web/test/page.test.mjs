// The page in a browser, as people use it: keyboard, pointer, touch, offline, on a phone, by a screen reader's tree.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { browse, serve } from "./page.mjs";

const models = new URL("../../src/redraft/serve/page/models/", import.meta.url);
const axe = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SIX = "..6..3.5.....1..4..2..5....6....4.2.";
const shots = process.env.SCREENSHOTS;

let site;
let browser;

before(async () => {
  browser = await browse(); // first: if it is missing, nothing is left running
  site = await serve();
  if (shots !== undefined) await mkdir(shots, { recursive: true });
});

after(async () => {
  await browser?.close();
  await site?.close();
});

/** The page with its model ready, in a context of its own; errors of the page fail the test. */
async function open(t, hash = "", options = {}, address = site.address) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  t.after(() => assert.deepEqual(errors, []));
  await page.goto(address + hash);
  await ready(page);
  return page;
}

const ready = (page) => page.locator("body:not(.busy) #board [role=gridcell]").first().waitFor({ timeout: 60_000 });
const says = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#status").textContent), pattern.source, {
    timeout: 60_000,
  });
const press = (page, name) => page.click(`button[data-do="${name}"]`);
const board = (page) =>
  page.$$eval("#board [role=gridcell]", (cells) => cells.map((cell) => cell.dataset.symbol).join(""));
const puzzles = async (model) => JSON.parse(await readFile(new URL(`${model}/puzzles.json`, models), "utf8"));
const [hard] = (await puzzles("sudoku-6x6")).hard;

async function look(page, name) {
  if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

test("a puzzle of a link is solved, and checked by the rules", async (t) => {
  const page = await open(t, `#sudoku-6x6=${hard}`);
  assert.equal(await board(page), hard);
  await press(page, "solve");
  await says(page, /^Solved in \d+ step/);
  await page.fill("#timeline input", await page.getAttribute("#timeline input", "max"));
  const answer = await board(page);
  assert.ok(!answer.includes("."));
  assert.ok([...hard].every((sign, cell) => sign === "." || sign === answer[cell]));
  await look(page, "solved");
});

test("every draft is on the slider, with what a cell was in each", async (t) => {
  const vectors = JSON.parse(await readFile(new URL("../redraft-js/test/vectors.json", import.meta.url), "utf8"));
  const [, , , slow] = vectors.find(({ model }) => model === "sudoku-6x6").solved;
  const page = await open(t, `#sudoku-6x6=${slow.question}`, { reducedMotion: "reduce" });
  await press(page, "solve");
  await says(page, /^Solved/);
  assert.ok(Number(await page.getAttribute("#timeline input", "max")) >= slow.steps);
  await page.fill("#timeline input", "0");
  assert.equal(await board(page), slow.question);
  await page.fill("#timeline input", "1");
  await says(page, /Step 0\.5 .* cells? changed, .* break.*rule .* sure to be right/);
  const open_ = slow.question.indexOf(".");
  await page.locator("#board [role=gridcell]").nth(open_).click();
  assert.match(await page.textContent("#detail"), /Candidates: .*%.*step 0\.5: \d/s);
  await page.click("#timeline .next");
  await says(page, /Step 1 /);
});

test("a puzzle is typed by the keyboard alone, and solved", async (t) => {
  const page = await open(t, "#sudoku-6x6");
  await page.locator("button[data-do=clear]").focus();
  await page.keyboard.press("Enter");
  await page.locator("#board [tabindex='0']").focus();
  for (const sign of SIX) {
    const at = await page.evaluate(() => [...document.querySelectorAll("#board [role=gridcell]")].indexOf(document.activeElement));
    if (sign !== ".") await page.keyboard.press(sign);
    await page.keyboard.press(at % 6 === 5 ? "Home" : "ArrowRight");
    if (at % 6 === 5) await page.keyboard.press("ArrowDown");
  }
  assert.equal(await board(page), SIX);
  await page.keyboard.press("Control+z");
  assert.notEqual(await board(page), SIX);
  await page.keyboard.press("Control+Shift+z");
  assert.equal(await board(page), SIX);
  await page.locator("button[data-do=solve]").focus();
  await page.keyboard.press("Enter");
  await says(page, /Solved|no solution|more than one/);
});

test("drawings and lines are pasted; what is no puzzle says so", async (t) => {
  const page = await open(t, "#sudoku-6x6");
  const drawn = hard.match(/.{6}/g).map((row) => `| ${row.slice(0, 3)} | ${row.slice(3)} |`).join("\n------\n");
  await page.click("summary >> nth=0");
  await page.fill("#text", drawn);
  await press(page, "use");
  assert.equal(await board(page), hard);
  await page.fill("#text", "123");
  await press(page, "use");
  await says(page, /not a puzzle: expected 36 cells \(6 rows of 6\), got 3/);
  assert.equal(await board(page), hard);
});

test("a puzzle that breaks the rules, or has no or several solutions, is reported", async (t) => {
  const page = await open(t, `#sudoku-6x6=11${".".repeat(34)}`);
  await press(page, "solve");
  await says(page, /two 1s in row 1/);
  await page.goto(`${site.address}#sudoku-6x6=12345${".".repeat(6)}6${".".repeat(24)}`);
  await press(page, "solve");
  await says(page, /no solution/);
});

test("a hint, a check and a revealed cell are right", async (t) => {
  const page = await open(t, `#sudoku-6x6=${hard}`);
  await press(page, "hint");
  await says(page, /^Hint: row \d, column \d is \d \(.* % sure/);
  const [, row, column, digit] = /row (\d), column (\d) is (\d)/.exec(await page.textContent("#status"));
  const cell = page.locator("#board [role=gridcell]").nth((row - 1) * 6 + (column - 1));
  await cell.click();
  await page.keyboard.press(digit);
  await press(page, "check");
  await says(page, /Your entry is right/);
  await page.keyboard.press("Tab");
  await cell.click();
  await page.keyboard.press(digit === "1" ? "2" : "1");
  await press(page, "check");
  await says(page, /1 entry is wrong, and marked/);
  assert.match(await cell.getAttribute("aria-label"), /breaks a rule/);
  await press(page, "reveal");
  await page.waitForFunction(([at, sign]) => document.querySelectorAll("#board [role=gridcell]")[at].dataset.symbol === sign, [
    (row - 1) * 6 + (column - 1),
    digit,
  ]);
});

test("a maze is drawn with the pointer, and solved", async (t) => {
  const page = await open(t, "#maze-8x8");
  await press(page, "clear");
  const cell = (row, column) => page.locator("#board [role=gridcell]").nth(row * 8 + column);
  const centre = async (where) => {
    const box = await where.boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  await page.mouse.move(...(await centre(cell(3, 0))));
  await page.mouse.down();
  for (let column = 0; column < 7; column++) await page.mouse.move(...(await centre(cell(3, column))), { steps: 3 });
  await page.mouse.up();
  assert.equal((await board(page)).slice(24, 32), "####### ");
  await press(page, "undo");
  assert.equal((await board(page)).slice(24, 32), "######  ");
  await press(page, "solve");
  await says(page, /^(Solved in|Not solved after)/);
  await look(page, "maze");
});

test("a hard 9x9 is solved, and can be stopped", async (t) => {
  const vectors = JSON.parse(await readFile(new URL("../redraft-js/test/vectors.json", import.meta.url), "utf8"));
  const { solved } = vectors.find(({ model }) => model === "sudoku-9x9");
  const { question: puzzle } = solved.reduce((a, b) => (b.steps > a.steps ? b : a));
  const page = await open(t, `#sudoku-9x9=${puzzle}`);
  await page.evaluate(() => {
    const [button, status] = [document.querySelector("button[data-do=solve]"), document.querySelector("#status")];
    new MutationObserver((_, observer) => {
      if (!status.textContent.startsWith("Step")) return;
      observer.disconnect();
      button.click(); // stops at the first draft, however fast it is solved
    }).observe(status, { childList: true });
    button.click();
  });
  await says(page, /Stopped/);
  await press(page, "solve");
  await says(page, /^Solved in/);
  await look(page, "nine");
});

test("a worker that does not stop is replaced, and solves again", async (t) => {
  const page = await open(t, `#sudoku-6x6=${hard}`);
  const worker = page.workers().find((each) => each.url().endsWith("worker.js"));
  await worker.evaluate(() => void setTimeout(() => { for (;;); })); // as in a graph without end
  await press(page, "solve");
  await press(page, "solve");
  await says(page, /Stopped/);
  await press(page, "solve");
  await says(page, /^Solved/);
});

test("no request leaves the page's origin, and the page works with the network cut", async (t) => {
  const elsewhere = [];
  const context = await browser.newContext();
  t.after(() => context.close());
  context.on("request", (request) => request.url().startsWith(site.address) || elsewhere.push(request.url()));
  const page = await context.newPage();
  await page.goto(`${site.address}#sudoku-6x6=${hard}`);
  await ready(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => caches.match("models/sudoku-6x6/starts.f32").then((found) => found !== undefined));
  await context.setOffline(true);
  await page.reload();
  await ready(page);
  await press(page, "solve");
  await says(page, /^Solved/);
  assert.deepEqual(elsewhere.filter((url) => !url.startsWith("blob:") && !url.startsWith("data:")), []);
});

test("a plain web host serves it as well, with threads from the second visit on", async (t) => {
  const plain = await serve({ isolated: false });
  t.after(() => plain.close());
  const page = await open(t, `#sudoku-6x6=${hard}`, {}, plain.address);
  assert.equal(await page.evaluate(() => crossOriginIsolated), false);
  await press(page, "solve");
  await says(page, /^Solved/);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await ready(page);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
});

for (const [name, options] of Object.entries({
  "light": { colorScheme: "light" },
  "dark": { colorScheme: "dark" },
  "phone": { colorScheme: "light", viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
})) {
  test(`${name}: axe finds nothing serious, and nothing is wider than the window`, async (t) => {
    const page = await open(t, `#sudoku-6x6=${hard}`, { reducedMotion: "reduce", bypassCSP: true, ...options });
    await press(page, "solve");
    await says(page, /^Solved/);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await look(page, name);
  });
}

test("touch fills a cell by the number pad", async (t) => {
  const page = await open(t, `#sudoku-6x6=${hard}`, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const at = hard.indexOf(".");
  await page.locator("#board [role=gridcell]").nth(at).tap();
  await page.locator("#pad button", { hasText: "4" }).tap();
  assert.equal((await board(page))[at], "4");
  await page.reload();
  await ready(page);
  assert.equal(await page.evaluate(() => location.hash.startsWith("#sudoku-6x6=")), true);
});

test("an exported folder is opened from the disk; a damaged one is refused with the reason", async (t) => {
  const page = await open(t);
  const file = (model, name) => fileURLToPath(new URL(`${model}/${name}`, models));
  await page.click("summary >> nth=1");
  await page.setInputFiles("#files", ["config.json", "model.onnx", "starts.f32"].map((name) => file("maze-8x8", name)));
  await page.waitForFunction(() => document.querySelectorAll("#board [role=gridcell]").length === 64);
  await page.setInputFiles("#files", [
    { name: "config.json", mimeType: "application/json", buffer: await readFile(file("maze-8x8", "config.json")) },
    { name: "model.onnx", mimeType: "application/octet-stream", buffer: Buffer.from("no graph") },
  ]);
  await says(page, /could not be loaded: model\.onnx/);
});

test("a browser that keeps nothing still solves", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("no", "SecurityError"); } });
  });
  await page.goto(`${site.address}#sudoku-6x6=${hard}`);
  await ready(page);
  await press(page, "solve");
  await says(page, /^Solved/);
});

const paste = async (page, text) => {
  await page.evaluate(() => (document.querySelector("details").open = true));
  await page.fill("#text", text);
  await press(page, "use");
};

test("a damaged link says so, and leaves a puzzle to play", async (t) => {
  for (const hash of ["#%E0%A4%A", "#unknown-5x5=12345"]) {
    const page = await open(t, hash);
    await says(page, /link is damaged/);
    assert.equal((await board(page)).length, 36);
  }
});

test("the model chosen last is the one on show, even while another loads or solves", async (t) => {
  const page = await open(t, "#sudoku-9x9");
  await press(page, "solve");
  for (const model of ["sudoku-6x6", "sudoku-9x9", "maze-8x8", "sudoku-4x4"]) await page.selectOption("#model", model);
  await press(page, "solve"); // too early
  await says(page, /4×4 is ready/);
  assert.equal((await board(page)).length, 16);
  await press(page, "solve");
  await says(page, /^Solved/);
  assert.equal(await page.inputValue("#model"), "sudoku-4x4");
});

test("a puzzle of another size opens with its own model; blanks may be any usual sign", async (t) => {
  const nine = (await puzzles("sudoku-9x9")).easy[0];
  const page = await open(t, "#sudoku-6x6");
  for (const blank of "-*x0") {
    await paste(page, nine.replaceAll(".", blank));
    await page.waitForFunction((wanted) => [...document.querySelectorAll("[role=gridcell]")].map((c) => c.dataset.symbol).join("") === wanted, nine);
    await press(page, "clear");
  }
  assert.equal(await page.inputValue("#model"), "sudoku-9x9");
  await paste(page, "[[0,1,0,0],[0,0,0,2],[0,0,3,0],[0,0,0,0]]");
  await says(page, /4×4 is ready/);
  assert.equal(await board(page), ".1.....2..3.....");
});

test("files that are no exported model are refused in words, and the model before stays", async (t) => {
  const page = await open(t, `#sudoku-6x6=${hard}`);
  const onnx = { parts: 1, positions: [1], y: [0], z: [0], halt_above: 0, tokens: ["", "a"], height: 1e5, width: 1e5 };
  for (const config of ["null", "[]", "{", "7", '{"task": null}', JSON.stringify({ onnx })]) {
    await page.evaluate(() => (document.querySelector("#status").textContent = ""));
    await page.setInputFiles("#files", [
      { name: "config.json", mimeType: "application/json", buffer: Buffer.from(config) },
      { name: "model.onnx", mimeType: "application/octet-stream", buffer: Buffer.from("no graph") },
    ]);
    await says(page, /could not be loaded: /);
  }
  assert.equal(await page.inputValue("#model"), "sudoku-6x6");
  await press(page, "solve");
  await says(page, /^Solved/);
});

test("from a draft, a maze is drawn on again by way of Edit the puzzle; a stroke on walls erases them", async (t) => {
  const page = await open(t, "#maze-8x8");
  await press(page, "clear");
  const cell = (at) => page.locator("#board [role=gridcell]").nth(at);
  await cell(9).click();
  assert.equal((await board(page))[9], "#");
  await press(page, "solve");
  await says(page, /^(Solved in|Not solved after)/);
  await page.evaluate(() => { const slider = document.querySelector("#timeline input"); slider.value = slider.max; slider.dispatchEvent(new Event("input")); });
  await cell(18).click();
  await says(page, /Drafts are on show/);
  await press(page, "edit");
  assert.equal(await page.getAttribute("button[data-do=edit]", "aria-pressed"), "true");
  await cell(10).click();
  assert.equal((await board(page)).slice(9, 11), "##");
  const [a, b] = [await cell(9).boundingBox(), await cell(10).boundingBox()];
  await page.mouse.move(a.x + 5, a.y + 5);
  await page.mouse.down();
  await page.mouse.move(b.x + 5, b.y + 5, { steps: 3 });
  await page.mouse.up();
  assert.equal((await board(page)).slice(9, 11), "  ");
});

test("restarts are in the legend of the curve, and attempts are counted", async (t) => {
  const vectors = JSON.parse(await readFile(new URL("../redraft-js/test/vectors.json", import.meta.url), "utf8"));
  const { question } = vectors.flatMap(({ solved }) => solved).find((each) => each.tries > 1 && each.question.length === 36);
  const page = await open(t, `#sudoku-6x6=${question}`, { reducedMotion: "reduce" });
  await press(page, "solve");
  await says(page, /^Solved/);
  assert.match(await page.textContent("#timeline .attempts"), /Attempt (\d) of \1.*restart/s);
  await look(page, "restart");
  await page.fill("#timeline input", "1");
  assert.match(await page.textContent("#timeline .attempts"), /Attempt 1 of [2-9]/);
});

test("entries in a puzzle with several solutions are judged by the rules alone; givens stay", async (t) => {
  const page = await open(t, `#sudoku-4x4=1${".".repeat(15)}`);
  const cell = page.locator("#board [role=gridcell]").nth(1);
  await cell.click();
  await page.keyboard.press("3");
  await press(page, "check");
  await says(page, /more than one solution, so nothing more/);
  await page.locator("#board [role=gridcell]").first().click();
  await page.keyboard.press("2");
  await says(page, /part of the puzzle/);
});
