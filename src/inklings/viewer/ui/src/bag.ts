/** A bag: its instances sorted by evidence, and the tiles in place on the slide. */

import { api } from "./api";
import { css, h, percent, slider } from "./dom";
import { plan } from "./plan";
import { powers, SlidePane } from "./slide";
import { heat } from "./tint";
import type { Bag, BagPrediction, Finding, Instance, Shelf } from "./types";

const FIRST = 120;

export class BagView {
  readonly element = h("div", { class: "bag" });
  readonly controls = h("section", {}, h("h2", {}, "Evidence"));
  private readonly list = h("ol", { class: "instances" });
  private readonly more = h("div");
  private pane: SlidePane | null = null;
  private run = 0;
  private channel = 0;
  private slide = 0;
  private limit = FIRST;
  private current = -1;
  private hidden = false;
  private look = { threshold: 0, opacity: 0.5 };

  constructor(
    private readonly bag: Bag,
    private readonly shelf: Shelf,
  ) {
    const scroll = h("div", { class: "bag-list", tabindex: "0", role: "region", "aria-label": "Instances" });
    scroll.append(this.verdict, this.list, this.more);
    this.element.append(scroll);
    this.element.classList.toggle("placed", bag.slides.length > 0);
    if (!bag.predictions.length) {
      this.controls.append(h("p", { class: "quiet" }, "Nothing was predicted for this bag yet."));
      return;
    }
    this.choose("Run", bag.predictions.map((p) => p.name), (k) => (this.run = k));
    this.choose("Class", bag.predictions[0]!.channels, (k) => (this.channel = k));
    if (bag.slides.length) this.sliders();
    this.controls.hidden = this.controls.childElementCount < 2;
  }

  /** What the case is said to be now, and by whom if not by its labels. */
  relabel(answers: Map<string, boolean>): void {
    this.answers = answers;
    const said = this.said();
    if (said) this.lines.replaceChildren(...words(said, this.bag, this.answers));
  }

  private readonly lines = h("div");
  private readonly verdict = h("div", { class: "pad verdict" }, this.lines);
  private objectives: HTMLElement = h("div");
  private answers = new Map<string, boolean>();

  /** Open the slide, if there is one; the view must be in the document by now. */
  async open(): Promise<void> {
    if (this.bag.slides.length > 1) {
      this.choose("Slide", this.bag.slides, (k) => {
        this.slide = k;
        void this.place();
      });
    }
    await this.place();
    this.show();
  }

  private async place(): Promise<void> {
    const id = this.bag.slides[this.slide];
    if (id === undefined) return;
    this.pane?.destroy();
    this.pane?.element.remove();
    const about = await api.case(id);
    this.pane = new SlidePane(about, this.shelf.tile, "", about.images[0] ?? "");
    this.element.prepend(this.pane.element);
    this.pane.picked = (y, x) => this.pick(y, x);
    this.objectives.replaceWith((this.objectives = powers(about, () => (this.pane ? [this.pane] : []))));
    await this.pane.settle();
    this.repaint();
  }

  /** A choice among several; nothing for one. */
  private choose(title: string, names: readonly string[], chosen: (k: number) => void): void {
    if (names.length < 2) return;
    const select = h("select", { "aria-label": title });
    names.forEach((name, k) => select.append(h("option", { value: String(k) }, name)));
    select.addEventListener("change", () => {
      chosen(Number(select.value));
      this.show();
    });
    this.controls.append(h("label", { class: "line" }, h("span", {}, title), select));
  }

  private sliders(): void {
    const set = (what: "opacity" | "threshold") => (value: number) => {
      this.look[what] = value;
      this.repaint();
    };
    this.controls.append(
      this.objectives,
      slider("Opacity", this.look.opacity, set("opacity")),
      slider("Threshold", this.look.threshold, set("threshold")),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => this.pane?.fit() }, "Whole slide"),
        h("button", { type: "button", onclick: () => this.hide() }, "Hide tiles"),
      ),
    );
  }

  private said(): BagPrediction | undefined {
    return this.bag.predictions[this.run];
  }

  private value(instance: Instance): number {
    return instance.evidence[this.channel] ?? 0;
  }

  private sorted(): Instance[] {
    return [...(this.said()?.instances ?? [])].sort((a, b) => this.value(b) - this.value(a));
  }

  private show(): void {
    const said = this.said();
    if (!said) return;
    this.lines.replaceChildren(...words(said, this.bag, this.answers));
    this.verdict.replaceChildren(this.lines);
    const placed = said.instances.some((i) => i.place !== null);
    if (placed && !this.bag.slides.length) {
      this.verdict.append(plan(said.instances, (i) => this.value(i), (i) => this.focus(i), this.picture()));
    }
    const instances = this.sorted();
    this.list.replaceChildren(...instances.slice(0, this.limit).map((i) => this.item(i)));
    this.more.replaceChildren();
    if (instances.length > this.limit) {
      const more = (): void => {
        this.limit += 500;
        this.show();
      };
      this.more.append(
        h("p", { class: "quiet pad" }, `The ${this.limit} highest of ${said.count} are shown. `),
        h("button", { type: "button", onclick: more }, "Show more"),
      );
    }
    this.repaint();
  }

  /** Pictures of the instances, if there are any. */
  private picture(): ((instance: Instance) => string) | null {
    return this.bag.pictures ? (i) => api.instance(this.bag.case, i.index) : null;
  }

  private item(instance: Instance): HTMLElement {
    const value = this.value(instance);
    const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("span"));
    const filled = bar.firstChild as HTMLElement;
    filled.style.width = `${value * 100}%`;
    filled.style.background = css(heat(value));
    const name = `Instance ${instance.index}, evidence ${value.toFixed(3)}`;
    const picture = this.bag.pictures
      ? h("img", { src: api.instance(this.bag.case, instance.index), alt: "", loading: "lazy" })
      : h("span", { class: "number" }, `# ${instance.index}`);
    const inside = [picture, bar, h("span", { class: "soft" }, value.toFixed(3))];
    const click = (): void => this.goTo(instance);
    const body = h("button", { type: "button", "aria-label": name, onclick: click }, ...inside);
    return h("li", { "data-instance": String(instance.index) }, body);
  }

  private goTo(instance: Instance): void {
    this.focus(instance);
    if (!this.pane || !instance.box) return;
    if (instance.slide === this.slide) this.pane.goTo(found(instance));
  }

  /** The instance under a place of the slide. */
  private pick(y: number, x: number): void {
    const hit = this.said()?.instances.find(({ box, slide }) => {
      if (!box || slide !== this.slide) return false;
      const [top, left, height, width] = box;
      return y >= top && x >= left && y < top + height && x < left + width;
    });
    if (hit) this.focus(hit);
  }

  private focus(instance: Instance): void {
    const place = this.sorted().findIndex((i) => i.index === instance.index);
    if (place >= this.limit) {
      this.limit = place + 1;
      this.show();
    }
    this.current = place;
    const items = this.list.querySelectorAll("li");
    items.forEach((item, k) => item.classList.toggle("now", k === place));
    items[place]?.scrollIntoView({ block: "nearest" });
    if (this.pane && instance.box) {
      this.pane.chosen = found(instance);
      this.pane.repaint();
    }
  }

  private repaint(): void {
    if (!this.pane) return;
    const here = (this.said()?.instances ?? []).filter((i) => i.box && i.slide === this.slide);
    this.pane.evidence = {
      boxes: here.map((i) => i.box!),
      values: here.map((i) => this.value(i)),
      ...this.look,
    };
    this.pane.repaint();
  }

  hide(): void {
    this.hidden = !this.hidden;
    this.pane?.hide(this.hidden);
  }

  /** Keys of the bag; whether the key was one of them. */
  key(key: string): boolean {
    const sorted = this.sorted();
    const step = (by: number): void => {
      const next = sorted[Math.min(sorted.length - 1, Math.max(0, this.current + by))];
      if (next) this.goTo(next);
    };
    const acts: Record<string, () => void> = {
      f: () => step(1),
      F: () => step(-1),
      "0": () => this.pane?.fit(),
      "+": () => this.pane?.zoom(1.5),
      "-": () => this.pane?.zoom(1 / 1.5),
    };
    const act = acts[key];
    if (act) act();
    return Boolean(act);
  }

  destroy(): void {
    this.pane?.destroy();
  }
}

/** What was said of the bag, from which probability on, and what is known of it. */
function words(said: BagPrediction, bag: Bag, answers: Map<string, boolean>): HTMLElement[] {
  const lines = said.classes.map((name, k) => {
    const p = said.probability[k] ?? 0;
    const threshold = said.thresholds[k] ?? 0.5;
    const called = p >= threshold;
    const before = bag.labels[name];
    const known = answers.get(name) ?? before;
    const changed = known !== before;
    const source = changed ? "as changed here" : "as labelled";
    const other = changed ? `changed here to ${known ? "present" : "absent"}` : "labelled otherwise";
    const truth = known === undefined ? "" : known === called ? `, ${source}` : `, ${other}`;
    const state = h("strong", {}, `P(${name}) = ${percent(p)}`);
    const limit = h("span", { class: "soft" }, ` (threshold ${percent(threshold)})`);
    const wrong = known !== undefined && known !== called;
    const verdict = `: called ${called ? "present" : "absent"}${truth}`;
    return h("p", { class: wrong ? "wrong" : "" }, state, limit, said.classes.length > 1 ? truth : verdict);
  });
  const count = h("p", { class: "quiet" }, `${said.count} instances. ${said.meaning}`);
  return [h("h2", {}, said.name), ...lines, count];
}

/** A tile as a place to go to. */
function found(instance: Instance): Finding {
  const [y, x, height, width] = instance.box!;
  return {
    id: String(instance.index),
    title: "",
    probability: null,
    malignancy: null,
    size: width,
    unit: "px",
    centre: [y + height / 2 - 0.5, x + width / 2 - 0.5],
    radii: [height / 2, width / 2],
    point: null,
    outlined: true,
  };
}
