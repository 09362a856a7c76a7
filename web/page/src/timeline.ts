/** The drafts on a slider, with play and pause, and how sure the halting head was in each. */

import type { Shown } from "./messages.js";
import { strings } from "./strings.js";

const FRAME = 700; // milliseconds that a draft is shown for, less where there are many
const LONGEST = 12_000; // milliseconds that playing takes
const HEIGHT = 100;

export class Timeline {
  drafts: Shown[] = [];
  private at = 0; // 0 is the question, n the nth draft
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly slider: HTMLInputElement;
  private readonly playing: HTMLButtonElement;
  private readonly curve: SVGSVGElement;
  private readonly attempts: HTMLElement;

  constructor(
    private readonly element: HTMLElement,
    private readonly changed: () => void,
  ) {
    this.slider = element.querySelector("input") as HTMLInputElement;
    this.playing = element.querySelector(".play") as HTMLButtonElement;
    this.curve = element.querySelector("svg") as SVGSVGElement;
    this.attempts = element.querySelector(".attempts") as HTMLElement;
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value), true));
    this.playing.addEventListener("click", () => this.toggle());
    element.querySelector(".previous")?.addEventListener("click", () => this.show(this.at - 1, true));
    element.querySelector(".next")?.addEventListener("click", () => this.show(this.at + 1, true));
    this.reset();
  }

  /** The draft on show, null for the question. */
  get draft(): Shown | null {
    return this.drafts[this.at - 1] ?? null;
  }

  get before(): Shown | null {
    return this.drafts[this.at - 2] ?? null;
  }

  reset(): void {
    this.stop();
    [this.drafts, this.at] = [[], 0];
    this.element.hidden = true;
    this.draw();
  }

  /** Adds a draft, and follows it unless an earlier one is being looked at. */
  add(draft: Shown): void {
    const following = this.at === this.drafts.length;
    this.drafts.push(draft);
    this.element.hidden = false;
    if (following && this.timer === undefined) this.show(this.drafts.length);
    else this.draw();
  }

  /** Shows a draft; by hand, playing stops. */
  show(at: number, byHand = false): void {
    if (byHand) this.stop();
    this.at = Math.max(0, Math.min(this.drafts.length, at));
    this.draw();
    this.changed();
  }

  /** Plays from the beginning, or goes on. */
  play(): void {
    clearInterval(this.timer);
    if (this.at >= this.drafts.length) this.show(0);
    this.timer = setInterval(() => {
      if (this.at >= this.drafts.length) this.stop();
      else this.show(this.at + 1);
    }, Math.min(FRAME, LONGEST / this.drafts.length));
    this.draw();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.draw();
  }

  private toggle(): void {
    if (this.timer === undefined) this.play();
    else this.stop();
  }

  private draw(): void {
    this.slider.max = String(this.drafts.length);
    this.slider.value = String(this.at);
    const { draft } = this;
    this.slider.setAttribute(
      "aria-valuetext",
      draft === null ? strings.question : strings.step(stepOf(draft), draft.attempt, []),
    );
    this.playing.textContent = this.timer === undefined ? strings.play : strings.pause;
    const x = (number: number): number => (this.drafts.length < 2 ? 100 : (100 * number) / (this.drafts.length - 1));
    const y = (probability: number): number => HEIGHT - 4 - (HEIGHT - 8) * probability;
    const heights = this.drafts.map((each) => y(each.haltProbability).toFixed(2));
    const points = heights.map((height, i) => `${x(i).toFixed(2)},${height}`);
    if (points.length === 1) points.unshift(`0,${heights[0]}`);
    const attempts = this.drafts.flatMap((each, i) => (i > 0 && each.attempt !== this.drafts[i - 1]?.attempt ? [i] : []));
    const line = (at: number, name: string): SVGElement => {
      const found = document.createElementNS("http://www.w3.org/2000/svg", "line");
      for (const [key, value] of Object.entries({ x1: at, x2: at, y1: 0, y2: HEIGHT, class: name })) {
        found.setAttribute(key, String(value));
      }
      return found;
    };
    const polyline = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    polyline.setAttribute("points", points.join(" "));
    this.curve.replaceChildren(...attempts.map((i) => line(x(i - 0.5), "attempt")), polyline);
    this.attempts.hidden = attempts.length === 0;
    const label = strings.attempts(draft?.attempt ?? 1, this.drafts.at(-1)?.attempt ?? 1);
    (this.attempts.firstElementChild as HTMLElement).textContent = label;
    if (this.at > 0) this.curve.append(line(x(this.at - 1), "now"));
    this.curve.setAttribute("aria-label", draft === null ? strings.curve : strings.sure(strings.percent(draft.haltProbability)));
  }
}

/** A step as people read it: whole, or with one decimal. */
export function stepOf(draft: Shown): string {
  return Number.isInteger(draft.step) ? String(draft.step) : draft.step.toFixed(1);
}
