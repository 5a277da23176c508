/** Measuring: lengths, areas, and what the image has in a region. Nothing of it is saved. */

import { api } from "./api";
import { complain, h, say } from "./dom";
import type { Pen, Spot, Tool } from "./draw";
import { contentWords, digits, distance, longWords } from "./shapes";
import type { Case, Shape } from "./types";

const TOOLS: [Tool, string, string, string][] = [
  ["length", "Length", "l", "drag a line"],
  ["region", "Region", "t", "outline a region: its area, mean, deviation, least and greatest value"],
];

export class Measuring {
  readonly element = h("section", { class: "measure" }, h("h2", {}, "Measure"));
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly said = h("dl", { class: "facts", "aria-live": "polite" });

  constructor(
    private readonly about: Case,
    private readonly pen: Pen,
    private readonly use: (tool: Tool) => void,
    private readonly repaint: () => void,
  ) {
    const bar = h("div", { class: "buttons", role: "group", "aria-label": "Measure" });
    for (const [tool, title, key, what] of TOOLS) {
      const press = (): void => use(pen.tool === tool ? "move" : tool);
      const button = h(
        "button",
        { type: "button", "aria-pressed": "false", title: `${what} (${key})`, onclick: press },
        title,
      );
      this.tools.set(tool, button);
      bar.append(button);
    }
    this.element.append(bar, this.said);
  }

  mark(tool: Tool): void {
    this.tools.forEach((button, name) => button.setAttribute("aria-pressed", String(name === tool)));
  }

  done(tool: Tool, shape: Shape, spot: Spot): void {
    const um = this.about.spacingUm;
    const axes = um?.filter((_, k) => um.length < 3 || k !== spot.axis) ?? [1, 1];
    const size: [number, number] = [axes[0]!, axes[1]!];
    const sides = shape.points.map((p, k, all) => distance(p, all[k - 1] ?? p, size));
    const round = tool === "region" ? distance(shape.points[0]!, shape.points.at(-1)!, size) : 0;
    const long = longWords(sides.reduce((a, b) => a + b, round), um !== null);
    if (tool === "length") {
      this.show(shape, long, [["Length", long]]);
      return;
    }
    api
      .measure(this.about.id, this.about.images[0]!, shape)
      .then(({ n, step, axes: count, content, known, channels }) => {
        const area = contentWords(content, count, known);
        const coarse = step > 1 ? `, each ${step} × ${step} px` : "";
        const unit = this.about.units === "HU" ? " HU" : "";
        const rows: [string, string][] = [
          ["Area", area],
          ["Around", long],
          ["Samples", `n = ${n.toLocaleString("en")}${coarse}`],
        ];
        for (const c of channels) {
          const name = channels.length > 1 ? `${c.name}: ` : "";
          rows.push(
            [`${name}mean ± sd`, `${digits(c.mean)} ± ${digits(c.sd)}${unit}`],
            [`${name}min to max`, `${digits(c.min)} to ${digits(c.max)}${unit}`],
          );
        }
        const [only] = channels;
        const mean = channels.length === 1 ? ` · ${digits(only!.mean)} ± ${digits(only!.sd)}${unit}` : "";
        this.show(shape, `${area}${mean}`, rows);
      })
      .catch(complain);
  }

  private show(shape: Shape, words: string, rows: [string, string][]): void {
    this.pen.result = { shape, positive: null, words, open: shape.kind === "stroke" };
    this.said.replaceChildren(
      ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    );
    say(words);
    this.repaint();
  }

  key(key: string): boolean {
    const tool = TOOLS.find(([, , letter]) => letter === key)?.[0];
    if (tool) this.use(tool);
    if (tool || this.pen.tool !== "region" || !this.pen.pending) return Boolean(tool);
    if (key === "Enter") this.pen.pending.close();
    else if (key === "Escape") this.pen.pending.drop();
    else return false;
    return true;
  }
}
