/** The page of one case: stage, layers, findings, corrections. */

import { api } from "./api";
import { bagStage } from "./bag";
import { Correcting } from "./correct";
import { complain, h, percent, slider, swatch } from "./dom";
import { contourStyle, link as linkSlides, SlidePane } from "./slide";
import type { Case, Finding, Layer, Shelf } from "./types";
import { link as linkVolumes, VolumePane, WINDOWS } from "./volume";

export type Pane = SlidePane | VolumePane;

/** What the user chose last; the next case looks the same. */
const chosen = { fill: new Set<string>(), contour: new Set<string>(), opacity: 0.55, side: false };
let touched = false;

export class CasePage {
  readonly element: HTMLElement;
  private readonly stage = h("div", { class: "stage" });
  private readonly panel = h("aside", { class: "panel", "aria-label": "Layers and findings" });
  private panes: Pane[] = [];
  private correcting: Correcting | null = null;
  private findings: Finding[] = [];
  private current = -1;
  private hidden = false;

  constructor(
    private readonly about: Case,
    private readonly shelf: Shelf,
  ) {
    this.element = h("div", { class: `case-page ${about.kind}` }, this.stage, this.panel);
  }

  /** Fill the page; it must be in the document by now. */
  async open(): Promise<void> {
    if (this.about.kind === "bag") {
      const bag = await api.bag(this.about.id);
      this.stage.append(bagStage(bag));
      this.correcting = new Correcting(this.about, this.shelf, []);
      this.panel.append(this.correcting.element, this.facts());
      await this.correcting.load();
      return;
    }
    if (!touched) this.defaults();
    await this.arrange();
  }

  private defaults(): void {
    const [fill, contour] = [chosen.fill, chosen.contour];
    for (const layer of this.about.layers) {
      if (layer.kind !== "codes") continue;
      const weak = layer.source === "labels" && this.about.layers.some((l) => l.source === "truth");
      if (this.about.kind === "volume") {
        if (layer.source.startsWith("prediction") || !this.sources().length) fill.add(layer.id);
      } else if (!weak) contour.add(layer.id);
    }
  }

  private async arrange(): Promise<void> {
    this.panes.forEach((pane) => pane instanceof SlidePane && pane.destroy());
    const two = chosen.side && this.sources().length > 1;
    const titles = two ? this.shelf.predictions.map((p) => p.name) : [""];
    this.panes = titles.map((title) =>
      this.about.kind === "volume"
        ? new VolumePane(this.about, title)
        : new SlidePane(this.about, this.shelf.tile, title),
    );
    this.stage.classList.toggle("two", two);
    this.stage.replaceChildren(...this.panes.map((pane) => pane.element));
    this.correcting = new Correcting(this.about, this.shelf, this.panes);
    this.panel.replaceChildren(
      this.layers(),
      this.viewing(),
      this.found(),
      this.correcting.element,
      this.facts(),
    );
    const slides = this.panes.filter((p): p is SlidePane => p instanceof SlidePane);
    const volumes = this.panes.filter((p): p is VolumePane => p instanceof VolumePane);
    await Promise.all(slides.map((pane) => pane.settle()));
    await Promise.all(volumes.map((pane) => pane.open(this.about.images[0]!)));
    if (volumes[0] && !volumes[0].isCt()) this.panel.querySelector(".windows")?.remove();
    if (two) (slides.length ? linkSlides(slides) : linkVolumes(volumes));
    await this.correcting.load();
    await Promise.all([this.apply(), this.list().catch(complain)]);
  }

  /** Predictions of this case. */
  private sources(): string[] {
    return this.about.layers
      .filter((layer) => layer.kind === "codes" && layer.source.startsWith("prediction"))
      .map((layer) => layer.source);
  }

  /** Whether a layer belongs on a pane: with two, each run has its own. */
  private on(layer: Layer, pane: number): boolean {
    const two = this.panes.length > 1;
    return !two || !layer.source.startsWith("prediction") || layer.source === `prediction${pane}`;
  }

  private async apply(): Promise<void> {
    const work: Promise<void>[] = [];
    this.panes.forEach((pane, k) => {
      for (const layer of this.about.layers) {
        const here = this.on(layer, k);
        if (pane instanceof SlidePane) {
          work.push(pane.fill(layer, here && chosen.fill.has(layer.id), this.shelf.tile));
          if (layer.kind === "codes") {
            work.push(pane.contour(layer, here && chosen.contour.has(layer.id)));
          }
        } else if (here && chosen.fill.has(layer.id)) work.push(pane.fill(layer, true));
      }
      pane.setOpacity(chosen.opacity);
    });
    await Promise.all(work.map((step) => step.catch(complain)));
  }

  private layers(): HTMLElement {
    const place = h("section", {}, h("h2", {}, "Layers"));
    const codes = this.about.layers.filter((layer) => layer.kind === "codes");
    const heats = this.about.layers.filter((layer) => layer.kind === "probability");
    if (!codes.length) place.append(h("p", { class: "quiet" }, "No labels, no predictions."));
    for (const layer of codes) place.append(this.codes(layer));
    if (codes.length || heats.length) {
      place.append(
        slider("Opacity", chosen.opacity, (value) => {
          chosen.opacity = value;
          this.panes.forEach((pane) => pane.setOpacity(value));
        }),
      );
    }
    if (heats.length) place.append(...this.heats(heats));
    if (this.sources().length > 1) {
      place.append(
        check("Side by side", chosen.side, (on) => {
          chosen.side = on;
          this.arrange().catch(complain);
        }),
      );
    }
    return place;
  }

  private codes(layer: Layer): HTMLElement {
    const flat = this.about.kind !== "volume";
    const row = h("fieldset", { class: "layer" }, h("legend", {}, layer.title));
    if (flat) {
      const { colour, dashed } = contourStyle(this.about, layer);
      const mark = h("span", { class: dashed ? "stroke dashed" : "stroke", "aria-hidden": "true" });
      mark.style.setProperty("--colour", colour);
      row.append(this.toggle(layer, "contour", "Contour", mark));
    }
    row.append(this.toggle(layer, "fill", flat ? "Area" : "Show"));
    const names = h("span", { class: "classes" });
    layer.classes.forEach((name, k) =>
      names.append(h("span", {}, swatch(layer.colours[k] ?? [128, 128, 128]), name)),
    );
    if (chosen.fill.has(layer.id) || layer.classes.length > 1) row.append(names);
    return row;
  }

  private toggle(layer: Layer, what: "fill" | "contour", label: string, mark?: Node): HTMLElement {
    return check(
      label,
      chosen[what].has(layer.id),
      (on) => {
        touched = true;
        if (on) chosen[what].add(layer.id);
        else chosen[what].delete(layer.id);
        this.panes.forEach((pane, k) => {
          const shown = on && this.on(layer, k);
          const done =
            what === "fill"
              ? pane.fill(layer, shown, this.shelf.tile)
              : (pane as SlidePane).contour(layer, shown);
          done.catch(complain);
        });
      },
      `${label} of ${layer.title}`,
      mark,
    );
  }

  private heats(layers: Layer[]): HTMLElement[] {
    const select = h("select", { "aria-label": "Heat map" }, h("option", { value: "" }, "none"));
    for (const layer of layers) select.append(h("option", { value: layer.id }, layer.title));
    const active = layers.find((layer) => chosen.fill.has(layer.id));
    select.value = active?.id ?? "";
    const level = active?.thresholds[0] ?? 128;
    const threshold = slider("Threshold", level / 255, (value) => {
      this.panes.forEach((pane) => pane.setThreshold(select.value, value * 255));
    });
    threshold.hidden = !active;
    select.addEventListener("change", () => {
      touched = true;
      for (const layer of layers) {
        const on = layer.id === select.value;
        if (on) chosen.fill.add(layer.id);
        else chosen.fill.delete(layer.id);
        this.panes.forEach((pane, k) =>
          pane.fill(layer, on && this.on(layer, k), this.shelf.tile).catch(complain),
        );
      }
      const now = layers.find((layer) => layer.id === select.value);
      threshold.hidden = !now;
      const input = threshold.querySelector("input");
      if (now && input) {
        input.value = String((now.thresholds[0] ?? 128) / 255);
        const out = threshold.querySelector("output");
        if (out) out.textContent = percent(Number(input.value));
      }
    });
    return [h("label", { class: "line" }, h("span", {}, "Heat map"), select), threshold];
  }

  private viewing(): HTMLElement {
    const place = h("section", {}, h("h2", {}, "View"));
    const row = h("div", { class: "buttons" });
    const button = (title: string, act: () => void, label?: string): void =>
      row.append(h("button", { type: "button", onclick: act, "aria-label": label }, title));
    if (this.about.kind === "volume") {
      const panes = this.panes as VolumePane[];
      for (const name of Object.keys(WINDOWS)) {
        button(name, () => panes.forEach((pane) => pane.window(name)), `Window ${name}`);
      }
      row.classList.add("windows");
      button("auto", () => panes.forEach((pane) => pane.automatic()), "auto window, from the image");
      const planes = h("select", { "aria-label": "Planes" });
      for (const name of ["all", "axial", "coronal", "sagittal", "3-D"]) {
        planes.append(h("option", { value: name }, name === "all" ? "three planes and 3-D" : name));
      }
      planes.addEventListener("change", () => panes.forEach((pane) => pane.planes(planes.value)));
      place.append(row, h("label", { class: "line" }, h("span", {}, "Planes"), planes));
      place.append(
        check("Masks as outlines", false, (on) => panes.forEach((pane) => pane.outlineOnly(on))),
      );
      return place;
    }
    button("+", () => this.slides().forEach((p) => p.zoom(2)), "Zoom in");
    button("−", () => this.slides().forEach((p) => p.zoom(0.5)), "Zoom out");
    button("Whole image", () => this.slides().forEach((p) => p.fit()));
    button("Hide overlays", () => this.hide());
    place.append(row);
    return place;
  }

  private slides(): SlidePane[] {
    return this.panes.filter((pane): pane is SlidePane => pane instanceof SlidePane);
  }

  private found(): HTMLElement {
    const place = h("section", { class: "findings" }, h("h2", {}, "Findings"));
    place.append(h("p", { class: "quiet" }, "…"));
    return place;
  }

  /** What can be jumped to, of the first prediction that has something to say. */
  private async list(): Promise<void> {
    const place = this.panel.querySelector(".findings");
    if (!place) return;
    const number = this.about.predicted[0];
    if (number === undefined) {
      place.replaceChildren(
        h("h2", {}, "Findings"),
        h("p", { class: "quiet" }, "Nothing was predicted for this case yet."),
      );
      return;
    }
    const { findings, funnel } = await api.findings(this.about.id, number);
    this.findings = findings;
    const list = h("ol", { class: "list" });
    this.findings.forEach((found, k) => list.append(this.finding(found, k)));
    place.replaceChildren(
      h("h2", {}, "Findings ", h("small", {}, String(this.findings.length))),
      this.findings.length
        ? list
        : h("p", { class: "quiet" }, "Nothing reached the threshold in this case."),
      funnelOf(funnel),
    );
    this.correcting?.mark();
  }

  private finding(found: Finding, place: number): HTMLElement {
    const sure = found.probability === null ? "" : percent(found.probability);
    const size = `${found.size.toPrecision(3)} ${found.unit === "um" ? "µm" : found.unit}`;
    const item = h("li", { "data-finding": found.id });
    item.append(
      h(
        "button",
        { type: "button", class: "finding", onclick: () => this.goTo(place) },
        h("span", {}, found.title),
        h("span", { class: "soft" }, size),
        h("strong", { title: "probability" }, sure),
        found.malignancy === null
          ? null
          : h("span", { class: "soft" }, `malignant ${percent(found.malignancy)}`),
      ),
    );
    if (!this.shelf.readOnly) {
      const judge = (action: "accept" | "reject", sign: string): HTMLElement =>
        h(
          "button",
          {
            type: "button",
            class: `judge ${action}`,
            "aria-label": `${action} finding ${place + 1}, ${found.title}`,
            title: action,
            onclick: () => this.correcting?.judge(found, action).catch(complain),
          },
          sign,
        );
      item.append(judge("accept", "✓"), judge("reject", "✗"));
    }
    return item;
  }

  private goTo(place: number): void {
    const found = this.findings[place];
    if (!found) return;
    this.current = place;
    this.panes.forEach((pane) => pane.goTo(found));
    const items = this.panel.querySelectorAll(".findings li");
    items.forEach((item, k) => item.classList.toggle("now", k === place));
    items[place]?.scrollIntoView({ block: "nearest" });
  }

  private hide(): void {
    this.hidden = !this.hidden;
    this.panes.forEach((pane) => pane.hide(this.hidden));
  }

  private facts(): HTMLElement {
    const shape = this.about.shape ? this.about.shape.join(" × ") : "";
    const um = this.about.spacingUm?.map((v) => Number(v.toPrecision(4)));
    const rows: [string, string][] = [
      ["Patient", this.about.patient],
      ["Part", this.about.split ?? "–"],
      ...(shape ? ([["Samples", shape]] as [string, string][]) : []),
      ...(shape
        ? ([["Spacing", um ? (um[0]! > 100 ? `${um.map((v) => v / 1000).join(" × ")} mm` : `${um.join(" × ")} µm`) : "not known"]] as [string, string][])
        : []),
      ...Object.entries(this.about.facts).slice(0, 12),
    ];
    const list = h("dl", { class: "facts" });
    for (const [name, value] of rows) list.append(h("dt", {}, name), h("dd", {}, value));
    return h("section", {}, h("h2", {}, "About"), list);
  }

  /** Keys of this page; whether the key was one of them. */
  key(key: string): boolean {
    const acts: Record<string, () => void> = {
      f: () => this.goTo((this.current + 1) % Math.max(1, this.findings.length)),
      F: () => this.goTo(Math.max(0, this.current - 1)),
      h: () => this.hide(),
      "0": () => this.slides().forEach((pane) => pane.fit()),
      "+": () => this.slides().forEach((pane) => pane.zoom(1.5)),
      "-": () => this.slides().forEach((pane) => pane.zoom(1 / 1.5)),
      a: () => this.judge("accept"),
      r: () => this.judge("reject"),
    };
    const act = acts[key];
    if (act) act();
    return Boolean(act) || (this.correcting?.key(key) ?? false);
  }

  private judge(action: "accept" | "reject"): void {
    const found = this.findings[this.current];
    if (found) this.correcting?.judge(found, action).catch(complain);
  }

  destroy(): void {
    this.slides().forEach((pane) => pane.destroy());
  }
}

/** What each stage left of what the one before it had. */
function funnelOf(funnel: Record<string, number>): HTMLElement | string {
  const stages = Object.entries(funnel);
  if (!stages.length) return "";
  const list = h("dl", { class: "facts", "aria-label": "What each stage left" });
  for (const [stage, count] of stages) {
    list.append(h("dt", {}, stage), h("dd", {}, count.toLocaleString()));
  }
  return list;
}

export function check(
  label: string,
  on: boolean,
  changed: (on: boolean) => void,
  spoken?: string,
  mark?: Node,
): HTMLElement {
  const box = h("input", { type: "checkbox", "aria-label": spoken });
  box.checked = on;
  box.addEventListener("change", () => changed(box.checked));
  return h("label", { class: "check" }, box, mark ?? null, label);
}
