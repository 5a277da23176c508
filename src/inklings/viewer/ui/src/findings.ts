/** What can be jumped to in a case: findings, pieces of a prediction, or of the labels. */

import { api } from "./api";
import type { Correcting } from "./correct";
import { complain, h, percent } from "./dom";
import { digits, longWords } from "./shapes";
import type { Pane } from "./layers";
import type { Case, Finding, Shelf } from "./types";

/** Whose findings were looked at last; the next case shows them too. */
let last = "";

const BALLS =
  "Only position and size of these are known: ✓ and ✗ apply to the inner half of each ball.";

export class FindingList {
  readonly element = h("section", { class: "findings" }, h("h2", {}, "Findings"));
  private findings: Finding[] = [];
  private current = -1;
  private source: string;

  constructor(
    private readonly about: Case,
    private readonly shelf: Shelf,
    private readonly panes: readonly Pane[],
    private readonly correcting: Correcting,
  ) {
    const sources = this.sources().map(([id]) => id);
    this.source = sources.includes(last) ? last : (sources[0] ?? "");
    for (const pane of panes) {
      if ("picked" in pane) pane.picked = (y, x) => this.pick(y, x);
    }
  }

  /** Where findings may come from: id and title. */
  private sources(): [string, string][] {
    const runs = this.about.predicted.map((k): [string, string] => [
      `prediction${k}`,
      this.shelf.predictions[k]?.name ?? "",
    ]);
    const drawn = this.about.layers
      .filter((layer) => layer.source === "truth" || layer.source === "labels")
      .map((layer): [string, string] => [layer.source, layer.title]);
    return [...runs, ...drawn];
  }

  async load(): Promise<void> {
    const title = h("h2", {}, "Findings ");
    if (!this.source) {
      const words = "Nothing was predicted or labelled in this case yet.";
      this.element.replaceChildren(title, h("p", { class: "quiet" }, words));
      return;
    }
    const { findings, funnel } = await api.findings(this.about.id, this.source);
    this.findings = findings;
    this.current = -1;
    title.append(h("small", {}, String(findings.length)));
    const list = h("ol", { class: "list" });
    findings.forEach((found, k) => list.append(this.line(found, k)));
    const none = this.source.startsWith("prediction")
      ? "Nothing reached the threshold in this case."
      : "Nothing is labelled in this case.";
    this.element.replaceChildren(
      title,
      this.choice(),
      findings.length ? list : h("p", { class: "quiet" }, none),
      findings.every((found) => found.outlined) ? "" : h("p", { class: "quiet" }, BALLS),
      funnelOf(funnel),
    );
    this.correcting.mark();
  }

  private choice(): HTMLElement | string {
    const sources = this.sources();
    if (sources.length < 2) return "";
    const select = h("select", { "aria-label": "Findings of" });
    for (const [value, title] of sources) select.append(h("option", { value }, title));
    select.value = this.source;
    select.addEventListener("change", () => {
      this.source = last = select.value;
      this.load().catch(complain);
    });
    return h("label", { class: "line" }, h("span", {}, "Of"), select);
  }

  private line(found: Finding, place: number): HTMLElement {
    const sure = found.probability === null ? null : percent(found.probability);
    const mm = found.unit === "mm";
    const size = mm ? `${digits(found.size)} mm` : longWords(found.size, found.unit === "um");
    const item = h("li", { "data-finding": found.id });
    item.append(
      h(
        "button",
        { type: "button", class: "finding", onclick: () => this.goTo(place) },
        h("span", {}, found.title),
        h("span", { class: "soft" }, size),
        sure && h("strong", { title: "probability" }, sure),
        found.malignancy === null
          ? null
          : h("span", { class: "soft" }, `malignant ${percent(found.malignancy)}`),
      ),
    );
    if (!this.shelf.readOnly) {
      for (const [action, sign] of [["accept", "✓"], ["reject", "✗"]] as const) {
        item.append(
          h(
            "button",
            {
              type: "button",
              class: `judge ${action}`,
              "aria-label": `${action} finding ${place + 1}, ${found.title}`,
              title: action,
              onclick: () => this.correcting.judge(found, action).catch(complain),
            },
            sign,
          ),
        );
      }
    }
    return item;
  }

  goTo(place: number): void {
    const found = this.findings[place];
    if (!found) return;
    this.mark(place);
    this.panes.forEach((pane) => pane.goTo(found));
  }

  /** The smallest finding at a place of a picture. */
  private pick(y: number, x: number): void {
    const here = this.findings
      .map((found, place) => ({ found, place }))
      .filter(({ found }) => {
        const [cy, cx, ry, rx] = [...found.centre.slice(-2), ...found.radii.slice(-2)];
        return Math.abs(y - cy!) <= ry! && Math.abs(x - cx!) <= rx!;
      })
      .sort((a, b) => a.found.size - b.found.size)[0];
    if (!here) return;
    this.mark(here.place);
    for (const pane of this.panes) {
      if ("picked" in pane) pane.chosen = here.found;
      pane.repaint();
    }
  }

  private mark(place: number): void {
    this.current = place;
    const items = this.element.querySelectorAll("li");
    items.forEach((item, k) => {
      item.classList.toggle("now", k === place);
      item.querySelector("button")?.setAttribute("aria-current", String(k === place));
    });
    items[place]?.scrollIntoView({ block: "nearest" });
  }

  /** Keys of the list; whether the key was one of them. */
  key(key: string): boolean {
    const judge = (action: "accept" | "reject"): void => {
      const found = this.findings[this.current];
      if (found && !this.shelf.readOnly) this.correcting.judge(found, action).catch(complain);
    };
    const acts: Record<string, () => void> = {
      f: () => this.goTo((this.current + 1) % Math.max(1, this.findings.length)),
      F: () => this.goTo(Math.max(0, this.current - 1)),
      a: () => judge("accept"),
      r: () => judge("reject"),
    };
    const act = acts[key];
    if (act) act();
    return Boolean(act);
  }
}

/** Candidates after each stage of what the one before it had. */
function funnelOf(funnel: Record<string, number>): HTMLElement | string {
  const stages = Object.entries(funnel);
  if (!stages.length) return "";
  const list = h("dl", { class: "facts" });
  for (const [stage, count] of stages) {
    list.append(h("dt", {}, stage), h("dd", {}, count.toLocaleString()));
  }
  return h("div", { class: "funnel" }, h("h3", {}, "Candidates after each stage"), list);
}
