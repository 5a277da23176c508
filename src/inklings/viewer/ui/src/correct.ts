/** Corrections: every one is saved at once and can be taken back. */

import { api, type NewCorrection } from "./api";
import { complain, h, say, slider } from "./dom";
import type { Tool } from "./draw";
import type { SlidePane } from "./slide";
import type { Case, Correction, Finding, Shape, Shelf } from "./types";
import { VolumePane } from "./volume";

const WORDS: Record<string, string> = {
  is: "is",
  is_not: "is not",
  accept: "accepted",
  reject: "rejected",
};

export class Correcting {
  readonly element = h("section", { class: "correct" }, h("h2", {}, "Correct"));
  private made: Correction[] = [];
  private readonly list = h("ol", { class: "list made" });
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private positive = true;
  private name: string;
  private ball = 10;

  constructor(
    private readonly about: Case,
    private readonly shelf: Shelf,
    private readonly panes: (SlidePane | VolumePane)[],
  ) {
    const names = [...new Set([...shelf.classes, ...Object.keys(about.answers)])];
    this.name = names[0] ?? "object";
    if (shelf.readOnly) {
      this.element.append(h("p", { class: "quiet" }, "Opened read-only: nothing is saved."));
      return;
    }
    if (about.kind === "bag") this.answers(names);
    else this.regions(names);
    this.element.append(
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => this.undo() }, "Undo")),
      this.list,
    );
  }

  async load(): Promise<void> {
    this.made = await api.corrections(this.about.id);
    this.show();
  }

  private regions(names: string[]): void {
    if (names.length > 1) {
      const select = h("select", { "aria-label": "Class to draw" });
      for (const name of names) select.append(h("option", { value: name }, name));
      select.addEventListener("change", () => (this.name = select.value));
      this.element.append(h("label", { class: "line" }, h("span", {}, "Class"), select));
    }
    const sides = h("div", { class: "buttons", role: "group", "aria-label": "Statement" });
    const buttons = [true, false].map((positive) =>
      h(
        "button",
        {
          type: "button",
          class: positive ? "is" : "is-not",
          "aria-pressed": String(positive),
          onclick: () => this.state(positive),
        },
        positive ? "Is" : "Is not",
      ),
    );
    sides.append(...buttons);
    this.element.append(sides);
    const row = h("div", { class: "buttons", role: "group", "aria-label": "Tool" });
    const tools: [Tool, string][] = [["move", "Move"], ["polygon", "Outline"], ["brush", "Brush"]];
    for (const [tool, title] of tools) {
      const button = h(
        "button",
        { type: "button", "aria-pressed": String(tool === "move"), onclick: () => this.use(tool) },
        title,
      );
      this.tools.set(tool, button);
      row.append(button);
    }
    const volume = this.about.kind === "volume";
    const [start, most, unit] = volume ? [6, 60, "mm"] : [24, 120, "px"];
    const width = (value: number): void => this.panes.forEach((p) => (p.brush = value / 2));
    width(start);
    this.element.append(row, slider("Brush", start, width, [2, most, 1], (v) => `${v} ${unit}`));
    for (const pane of this.panes) pane.drawn = (shape) => this.region(shape);
    if (volume) this.balls();
  }

  private balls(): void {
    this.element.append(
      slider("Ball", this.ball, (value) => (this.ball = value), [2, 80, 1], (v) => `${v} mm`),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => this.mark3d() }, "Mark a ball at the cross"),
      ),
    );
  }

  private mark3d(): void {
    const pane = this.panes[0];
    if (!(pane instanceof VolumePane)) return;
    const mm = (this.about.spacingUm ?? [1000, 1000, 1000]).map((um) => um / 1000);
    const radii = mm.map((step) => this.ball / 2 / step);
    this.region({ kind: "ball", points: [pane.cross()], radii });
  }

  private answers(names: string[]): void {
    for (const name of names) {
      const said = this.about.answers[name];
      const group = h("fieldset", { class: "layer", "data-name": name }, h("legend", {}, name));
      for (const present of [true, false]) {
        const radio = h("input", { type: "radio", name: `answer-${name}` });
        radio.value = String(present);
        radio.checked = said === present;
        radio.addEventListener("change", () =>
          this.save({ action: "bag", name, present }).catch(complain),
        );
        group.append(h("label", { class: "check" }, radio, present ? "present" : "absent"));
      }
      this.element.append(group);
    }
  }

  private use(tool: Tool): void {
    this.panes.forEach((pane) => pane.setTool(tool));
    this.tools.forEach((button, name) => button.setAttribute("aria-pressed", String(name === tool)));
  }

  private state(positive: boolean): void {
    this.positive = positive;
    this.panes.forEach((pane) => (pane.positive = positive));
    const [is, isNot] = [this.element.querySelector(".is"), this.element.querySelector(".is-not")];
    is?.setAttribute("aria-pressed", String(positive));
    isNot?.setAttribute("aria-pressed", String(!positive));
  }

  private region(shape: Shape): void {
    const action = this.positive ? "is" : "is_not";
    this.save({ action, name: this.name, image: this.about.images[0]!, shape }).catch(complain);
  }

  async judge(found: Finding, action: "accept" | "reject"): Promise<void> {
    const name = this.shelf.classes.includes(found.title) ? found.title : this.name;
    await this.save({ action, name, finding: found.id });
    if (!found.outlined) say("Saved: the inner half of the ball, its outline is not known.");
  }

  private async save(made: NewCorrection): Promise<void> {
    const saved = await api.correct(this.about.id, made);
    this.made.push(saved);
    this.show();
    say("Saved.");
  }

  private undo(number?: string): void {
    const last = number ?? [...this.made].reverse().find((c) => !c.undone)?.id;
    if (!last) {
      say("There is nothing to undo.");
      return;
    }
    api
      .undo(this.about.id, last)
      .then(() => this.load())
      .then(() => say("Undone."))
      .catch(complain);
  }

  private show(): void {
    const standing = this.made.filter((c) => !c.undone);
    for (const pane of this.panes) {
      pane.corrections = standing;
      pane.repaint();
    }
    this.list.replaceChildren(...standing.map((c) => this.line(c)));
    for (const [name, present] of this.newest(standing)) {
      const radio = this.element.querySelector<HTMLInputElement>(
        `fieldset[data-name="${CSS.escape(name)}"] input[value="${present}"]`,
      );
      if (radio) radio.checked = true;
    }
    this.mark();
  }

  private newest(standing: Correction[]): Map<string, boolean> {
    const answers = new Map(Object.entries(this.about.answers));
    for (const c of standing) if (c.action === "bag") answers.set(c.name, Boolean(c.present));
    return answers;
  }

  private line(made: Correction): HTMLElement {
    const what = made.action === "bag" ? (made.present ? "present" : "absent") : WORDS[made.action];
    const time = new Date(made.time).toLocaleString();
    return h(
      "li",
      { "data-correction": made.id },
      h("span", {}, `${made.name}: ${what}`, h("small", {}, `${made.author}, ${time}`)),
      this.shelf.readOnly
        ? null
        : h(
            "button",
            {
              type: "button",
              class: "judge",
              "aria-label": `Undo ${made.name} ${what}`,
              onclick: () => this.undo(made.id),
            },
            "↶",
          ),
    );
  }

  /** Show on the findings which were judged. */
  mark(): void {
    const judged = new Map(
      this.made.filter((c) => !c.undone && c.finding).map((c) => [c.finding, c.action]),
    );
    for (const item of document.querySelectorAll<HTMLElement>("li[data-finding]")) {
      const action = judged.get(item.dataset["finding"] ?? "");
      item.classList.toggle("accepted", action === "accept");
      item.classList.toggle("rejected", action === "reject");
    }
  }

  key(key: string): boolean {
    if (this.shelf.readOnly) return false;
    if (this.about.kind === "bag" && key !== "u") return false;
    const acts: Record<string, () => void> = {
      u: () => this.undo(),
      i: () => this.state(true),
      x: () => this.state(false),
      o: () => this.use("polygon"),
      b: () => this.use("brush"),
      v: () => this.use("move"),
      Escape: () => this.use("move"),
      ...(this.about.kind === "volume" ? { m: () => this.mark3d() } : {}),
    };
    const act = acts[key];
    if (act) act();
    return Boolean(act);
  }
}
