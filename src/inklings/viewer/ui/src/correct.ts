/** Corrections: every one is saved at once and can be taken back. */

import { api, type NewCorrection } from "./api";
import { complain, h, say, slider, swatch } from "./dom";
import { Pen, type Spot, type Tool } from "./draw";
import { Measuring } from "./measure";
import { planeName } from "./sheets";
import type { SlidePane } from "./slide";
import type { Case, Correction, Finding, Shape, Shelf } from "./types";
import { VolumePane } from "./volume";

const WORDS: Record<string, string> = {
  is: "is",
  is_not: "is not",
  accept: "accepted",
  reject: "rejected",
};

/** Tools by their keys. */
const TOOLS: [Tool, string, string, string][] = [
  ["move", "Move", "v", "move the image"],
  ["select", "Select", "s", "choose what was drawn; drag its corners, double click adds or removes one"],
  ["polygon", "Outline", "o", "click corners (double click or Enter closes), or draw by hand"],
  ["brush", "Brush", "b", "paint"],
  ["eraser", "Eraser", "e", "take away from what you drew"],
  ["wand", "Wand", "w", "fill what looks like the place that is clicked"],
  ["cut", "Cut", "d", "divide what you drew by a line"],
];

/** What happened at once: what was saved, and what it stands in for. */
interface Step {
  made: string[];
  undone: string[];
}

/** Classes that were named here, for the next case. */
const named: string[] = [];

export class Correcting {
  readonly element = h("section", { class: "correct" }, h("h2", {}, "Correct"));
  readonly measuring: Measuring;
  /** Answers for the case, after every change of them. */
  answered: (answers: Map<string, boolean>) => void = () => undefined;
  private readonly pen = new Pen();
  private made: Correction[] = [];
  private readonly list = h("ol", { class: "list made" });
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly palette = h("div", { class: "buttons palette", role: "group", "aria-label": "Class to draw" });
  private readonly volume: boolean;
  private names: string[];
  private name: string;
  private ball = 10;
  private tolerance = 0.12;
  private undos: Step[] = [];
  private redos: Step[] = [];
  /** Ids that were stated again have another one. */
  private readonly again = new Map<string, string>();
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly about: Case,
    private readonly shelf: Shelf,
    private readonly panes: (SlidePane | VolumePane)[],
  ) {
    this.names = [...new Set([...shelf.classes, ...named, ...Object.keys(about.answers)])];
    this.name = this.names[0] ?? "object";
    this.volume = about.kind === "volume";
    this.measuring = new Measuring(about, this.pen, (tool) => this.use(tool), () => this.repaint());
    for (const pane of panes) pane.pen = this.pen;
    this.pen.mine = (made) => made.action.startsWith("is") && made.author === shelf.author;
    this.pen.colour = (name) => (this.names.length > 1 ? this.colour(name).join(", ") : undefined);
    this.pen.select = (id, more) => this.choose(id, more);
    this.pen.replace = (id, shape) => this.change({ what: "replace", ids: [id], shape });
    this.pen.done = (tool, shape, spot) => this.done(tool, shape, spot);
    if (shelf.readOnly) {
      this.element.append(h("p", { class: "quiet" }, "Opened read-only: nothing is saved."));
      return;
    }
    if (about.kind === "bag") this.answers(this.names);
    else this.regions();
    this.element.append(
      row(["Undo", "u", () => this.undo()], ["Redo", "U", () => this.redo()]),
      this.list,
    );
  }

  async load(): Promise<void> {
    this.made = await api.corrections(this.about.id);
    this.show();
  }

  private regions(): void {
    this.colours();
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
    this.element.append(this.palette, sides);
    if (this.shelf.namedFreely) this.element.append(this.naming());
    const bar = h("div", { class: "buttons", role: "group", "aria-label": "Tool" });
    for (const [tool, title, key, what] of TOOLS) {
      const button = h(
        "button",
        {
          type: "button",
          "aria-pressed": String(tool === "move"),
          title: `${what} (${key})`,
          onclick: () => this.use(tool),
        },
        title,
      );
      this.tools.set(tool, button);
      bar.append(button);
    }
    const [start, most, unit] = this.volume ? [6, 100, "mm"] : [24, 400, "px"];
    const width = (value: number): void => void (this.pen.brush = value / 2);
    width(start);
    this.element.append(
      bar,
      slider("Brush", start, width, [1, most, 1], (v) => `${v} ${unit}`),
      slider("Wand", this.tolerance, (v) => (this.tolerance = v), [0, 0.6, 0.01]),
      row(["Join", "g", () => this.join()], ["Delete", "Del", () => this.remove()]),
    );
    if (this.volume) this.slices();
  }

  /** One button a class, with its key. */
  private colours(): void {
    this.palette.hidden = this.names.length < 2;
    this.palette.replaceChildren(
      ...this.names.map((name, k) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(name === this.name),
            onclick: () => this.call(name),
            title: k < 9 ? `key ${k + 1}` : undefined,
          },
          swatch(this.colour(name)),
          name,
        ),
      ),
    );
  }

  private colour(name: string): [number, number, number] {
    const place = Math.max(0, this.names.indexOf(name));
    const { colours } = this.shelf;
    return colours[place] ?? colours[place % Math.max(1, colours.length)] ?? [0, 158, 115];
  }

  private call(name: string): void {
    this.name = name;
    this.colours();
  }

  private naming(): HTMLElement {
    const field = h("input", { type: "search", "aria-label": "Name of a class", maxLength: 60 });
    const add = (): void => {
      const name = field.value.trim();
      if (!name) return;
      if (!this.names.includes(name)) {
        named.push(name);
        this.names.push(name);
      }
      field.value = "";
      this.call(name);
    };
    field.addEventListener("keydown", (event) => event.key === "Enter" && add());
    const button = h("button", { type: "button", onclick: add }, "Add");
    return h("label", { class: "line naming" }, h("span", {}, "New class"), field, button);
  }

  private slices(): void {
    this.element.append(
      row(
        ["Copy to next slice", ">", () => this.copy(1)],
        ["… previous", "<", () => this.copy(-1)],
        ["Fill between", "B", () => this.between()],
      ),
      slider("Ball", this.ball, (value) => (this.ball = value), [2, 80, 1], (v) => `${v} mm`),
      row(["Mark a ball at the cross", "m", () => this.mark3d()]),
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
      group.append(h("small", { class: "changed soft" }));
      this.element.append(group);
    }
  }

  private use(tool: Tool): void {
    this.pen.pending?.drop();
    this.pen.tool = tool;
    this.pen.result = null;
    this.panes.forEach((pane) => pane.use());
    this.tools.forEach((button, name) => button.setAttribute("aria-pressed", String(name === tool)));
    this.measuring.mark(tool);
  }

  private state(positive: boolean): void {
    this.pen.positive = positive;
    const [is, isNot] = [this.element.querySelector(".is"), this.element.querySelector(".is-not")];
    is?.setAttribute("aria-pressed", String(positive));
    isNot?.setAttribute("aria-pressed", String(!positive));
  }

  private get action(): "is" | "is_not" {
    return this.pen.positive ? "is" : "is_not";
  }

  /** Something was drawn with a tool. */
  private done(tool: Tool, shape: Shape, spot: Spot): void {
    const body = { action: this.action, name: this.name, image: this.about.images[0]! };
    if (tool === "length" || tool === "region") this.measuring.done(tool, shape, spot);
    else if (tool === "wand") {
      const [low, high] = spot.seen;
      const { point, plane, axis } = spot;
      const tolerance = this.tolerance * this.panes[0]!.greys();
      const fill = { point, low, high, tolerance, ...(plane === undefined ? {} : { plane, axis }) };
      this.save({ ...body, fill }).catch(complain);
    } else if (tool === "eraser" || tool === "cut") this.taken(tool, shape);
    else this.region(shape);
  }

  private region(shape: Shape): void {
    const { action, name } = this;
    this.save({ action, name, image: this.about.images[0]!, shape }).catch(complain);
  }

  /** Erase or divide what was drawn there; what is chosen alone, if something is. */
  private taken(tool: "eraser" | "cut", shape: Shape): void {
    const chosen = this.own().filter((c) => this.pen.selected.has(c.id));
    const pool = (chosen.length ? chosen : this.own()).filter((c) => meets(c.shape!, shape));
    if (!pool.length) return say("There is nothing that you drew.");
    const ids = pool.map((c) => c.id);
    if (tool === "eraser") this.change({ what: "erase", ids, shape });
    else this.change({ what: "divide", ids: ids.slice(-1), shape });
  }

  /** What was drawn here by this author, and stands. */
  private own(): Correction[] {
    return this.made.filter((c) => !c.undone && c.shape && this.pen.mine(c));
  }

  private chosen(): string[] {
    return this.own().filter((c) => this.pen.selected.has(c.id)).map((c) => c.id);
  }

  private choose(id: string | null, more: boolean): void {
    const { selected } = this.pen;
    if (!more) selected.clear();
    if (id && !(more && selected.delete(id))) selected.add(id);
    this.show();
  }

  private join(): void {
    const ids = this.chosen();
    if (ids.length < 2) return say("Choose two or more with Select and Shift, then join them.");
    this.change({ what: "join", ids });
  }

  private remove(): void {
    const ids = this.chosen();
    if (!ids.length) return say("Select a region to delete first.");
    this.next(async () => {
      this.record(await this.revert({ made: ids, undone: [] }));
      say("Deleted.");
    }).catch(complain);
  }

  private copy(by: number): void {
    const flat = this.own().filter((c) => planeOf(c.shape!));
    const chosen = flat.filter((c) => this.pen.selected.has(c.id));
    const last = chosen.length ? chosen : flat.slice(-1);
    if (!last.length) return say("Draw something on a slice first.");
    this.change({ what: "copy", ids: last.map((c) => c.id), by }, (made) => {
      this.pen.selected.clear();
      made.forEach((c) => this.pen.selected.add(c.id));
      const place = planeOf(made[0]!.shape!);
      for (const pane of this.panes) if (place && pane instanceof VolumePane) pane.toPlane(...place);
    });
  }

  private between(): void {
    const last = this.own().filter((c) => planeOf(c.shape!)).at(-1);
    if (!last) return say("Draw the class on two slices first.");
    const same = this.own().filter((c) => c.name === last.name && c.action === last.action);
    const ids = [...same.filter((c) => c !== last), last].map((c) => c.id);
    this.change({ what: "between", ids });
  }

  /** Act once all before is saved: what is undone depends on it, however fast keys are pressed. */
  private next(act: () => Promise<void>): Promise<void> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => this.load().catch(() => undefined)); // what stands elsewhere
    return done;
  }

  /** Change what was drawn: one step back takes all of it back. */
  private change(body: object, then: (made: Correction[]) => void = () => undefined): void {
    this.next(async () => {
      const { made, undone } = await api.change(this.about.id, body);
      this.record({ made: made.map((c) => c.id), undone });
      this.pen.selected.clear();
      await this.load();
      then(made);
      this.show();
      say("Saved.");
    }).catch(complain);
  }

  async judge(found: Finding, action: "accept" | "reject"): Promise<void> {
    const name = this.shelf.classes.includes(found.title) ? found.title : this.name;
    await this.save({ action, name, finding: found.id });
    if (!found.outlined) say("Saved: the inner half of the ball, since its outline is unknown.");
  }

  private save(made: NewCorrection): Promise<void> {
    return this.next(async () => {
      const saved = await api.correct(this.about.id, made);
      this.record({ made: [saved.id], undone: [] });
      await this.load();
      say("Saved.");
    });
  }

  private record(step: Step): void {
    this.undos.push(step);
    this.redos = [];
  }

  private undo(number?: string): void {
    this.next(async () => {
      const mine = this.made.filter((c) => !c.undone && c.author === this.shelf.author);
      const one = number ?? mine.at(-1)?.id;
      const step = (number ? undefined : this.undos.pop()) ?? (one ? { made: [one], undone: [] } : null);
      if (!step) return say("There is nothing to undo.");
      const back = await this.revert(step);
      if (number) this.record(back);
      else this.redos.push(back);
      say("Undone.");
    }).catch(complain);
  }

  private redo(): void {
    this.next(async () => {
      const step = this.redos.pop();
      if (!step) return say("There is nothing to redo.");
      this.undos.push(await this.revert(step));
      say("Done again.");
    }).catch(complain);
  }

  /** Undo what a step made and state again what it took back; the step that does the opposite. */
  private async revert(step: Step): Promise<Step> {
    const now = (id: string): string => (this.again.has(id) ? now(this.again.get(id)!) : id);
    const back: Step = { made: [], undone: [] };
    for (const id of step.made.map(now)) {
      await api.undo(this.about.id, id);
      back.undone.push(id);
    }
    for (const id of step.undone) {
      const { id: fresh } = await api.redo(this.about.id, now(id));
      this.again.set(now(id), fresh);
      back.made.push(fresh);
    }
    this.pen.selected.clear();
    await this.load();
    return back;
  }

  private repaint(): void {
    this.panes.forEach((pane) => pane.repaint());
  }

  private show(): void {
    const standing = this.made.filter((c) => !c.undone);
    this.pen.corrections = standing;
    this.repaint();
    const unheard = standing.filter((c) => !this.names.includes(c.name) && c.action !== "bag");
    if (unheard.length) {
      this.names = [...new Set([...this.names, ...unheard.map((c) => c.name)])];
      this.colours();
    }
    this.list.replaceChildren(...standing.map((c) => this.line(c)));
    const answers = this.newest(standing);
    answers.forEach((present, name) => this.answer(name, present));
    this.answered(answers);
    this.mark();
  }

  /** An answer for the case, and what it was before if that was another one. */
  private answer(name: string, present: boolean): void {
    const group = this.element.querySelector(`fieldset[data-name="${CSS.escape(name)}"]`);
    const radio = group?.querySelector<HTMLInputElement>(`input[value="${present}"]`);
    if (radio) radio.checked = true;
    const before = this.about.answers[name];
    const changed = before !== present;
    group?.classList.toggle("is-changed", changed);
    const words = before === undefined ? "no label" : before ? "present" : "absent";
    const note = group?.querySelector(".changed");
    if (note) note.textContent = changed ? `changed here; was: ${words}` : "";
  }

  private newest(standing: Correction[]): Map<string, boolean> {
    const answers = new Map(Object.entries(this.about.answers));
    for (const c of standing) if (c.action === "bag") answers.set(c.name, Boolean(c.present));
    return answers;
  }

  private line(made: Correction): HTMLElement {
    const what = made.action === "bag" ? (made.present ? "present" : "absent") : WORDS[made.action];
    const place = made.shape && planeOf(made.shape);
    const where = place ? `, ${planeName(this.about.toSamples ?? [], place[0])} slice ${place[1] + 1}` : "";
    const time = new Date(made.time).toLocaleString();
    const mine = this.pen.mine(made);
    const text = [`${made.name}: ${what}${where}`, h("small", {}, `${made.author}, ${time}`)];
    const pick = (event: MouseEvent): void => this.choose(made.id, event.shiftKey);
    const body = mine
      ? h("button", { type: "button", class: "finding", onclick: pick }, h("span", {}, ...text))
      : h("span", {}, ...text);
    const back = h(
      "button",
      {
        type: "button",
        class: "judge",
        "aria-label": `Undo ${made.name} ${what}${where}`,
        onclick: () => this.undo(made.id),
      },
      "↶",
    );
    const item = h("li", { "data-correction": made.id }, body, this.shelf.readOnly ? null : back);
    item.classList.toggle("now", this.pen.selected.has(made.id));
    return item;
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

  private wider(times: number): void {
    const input = [...this.element.querySelectorAll<HTMLLabelElement>("label.slider")]
      .find((label) => label.textContent?.startsWith("Brush"))
      ?.querySelector("input");
    if (!input) return;
    input.value = String(Math.round(Number(input.value) * times + Math.sign(times - 1)));
    input.dispatchEvent(new Event("input"));
  }

  key(key: string): boolean {
    if (this.about.kind !== "bag" && this.measuring.key(key)) return true;
    if (this.shelf.readOnly) return false;
    const { pending } = this.pen;
    const acts: Record<string, () => void> = { u: () => this.undo(), U: () => this.redo() };
    if (this.about.kind !== "bag") {
      for (const [tool, , letter] of TOOLS) acts[letter] = () => this.use(tool);
      const more: Record<string, () => void> = {
        i: () => this.state(true),
        x: () => this.state(false),
        g: () => this.join(),
        "[": () => this.wider(1 / 1.25),
        "]": () => this.wider(1.25),
        ",": () => this.wider(1 / 1.25), // where brackets need AltGr
        ".": () => this.wider(1.25),
        Enter: () => pending?.close(),
        Escape: () => (pending ? pending.drop() : this.use("move")),
        Backspace: () => (pending ? pending.back() : this.remove()),
        Delete: () => this.remove(),
      };
      Object.assign(acts, more);
      this.names.slice(0, 9).forEach((name, k) => (acts[String(k + 1)] = () => this.call(name)));
    }
    if (this.volume) {
      acts["m"] = () => this.mark3d();
      acts[">"] = () => this.copy(1);
      acts["<"] = () => this.copy(-1);
      acts["B"] = () => this.between();
    }
    if (key === "Enter" && !pending) return false; // it presses the button that has the focus
    const act = acts[key];
    if (act) act();
    return Boolean(act);
  }
}

/** Buttons in a row, with their keys as tips. */
function row(...buttons: [string, string, () => void][]): HTMLElement {
  const made = buttons.map(([title, key, act]) =>
    h("button", { type: "button", title: `key ${key}`, onclick: act }, title),
  );
  return h("div", { class: "buttons" }, ...made);
}

/** Axis and plane of what lies in one plane of a volume. */
function planeOf(shape: Shape): [number, number] | null {
  if (shape.plane !== null && shape.plane !== undefined) return [shape.axis ?? 0, shape.plane];
  if (shape.kind !== "mask" || shape.size!.length !== 3) return null;
  const drawn = shape.axis ?? 0;
  const axis = shape.size![drawn] === 1 ? drawn : shape.size!.indexOf(1);
  return axis < 0 ? null : [axis, Math.round(shape.points[0]![axis]!)];
}

/** Whether a line of a plane may touch a shape: by its box. */
function meets(shape: Shape, line: Shape): boolean {
  const reach = Math.max(...line.radii);
  const flat = line.plane === undefined || line.plane === null;
  const axes = flat ? [0, 1] : [0, 1, 2].filter((k) => k !== line.axis);
  const [place, half] = [planeOf(shape), shape.radii];
  if (!flat && place && place[0] === line.axis && place[1] !== line.plane) return false;
  return axes.every((axis, k) => {
    const own = shape.points[0]!.length === axes.length ? k : axis;
    const at = shape.points.map((p) => p[own]!);
    const r = half.length ? (half[own] ?? half[0]!) : 0;
    const high = shape.kind === "mask" ? at[0]! + 2 * r * shape.size![own]! : Math.max(...at) + r;
    const along = line.points.map((p) => p[k]!);
    return Math.max(...along) + reach >= Math.min(...at) - r && Math.min(...along) - reach <= high;
  });
}
