/** What lies over the image: which layers, how opaque, from which probability on. */

import { check, colourBar, complain, h, percent, slider, swatch } from "./dom";
import { contourStyle, recoloured, SlidePane } from "./slide";
import { STOPS } from "./tint";
import type { Case, Layer, Shelf } from "./types";
import type { VolumePane } from "./volume";

export type Pane = SlidePane | VolumePane;

const HIDDEN = "Areas are hidden while a heat map shows; nothing is drawn below the threshold.";

/** What the user chose last; the next case looks the same. */
export const chosen = {
  fill: new Set<string>(),
  contour: new Set<string>(),
  opacity: 0.55,
  side: false,
  touched: false,
};

/** One class has the colour of its source, so that truth and prediction differ also as areas. */
export function coloured(about: Case): Case {
  const layers = about.layers.map((layer) => {
    if (layer.kind !== "codes" || layer.classes.length > 1) return layer;
    const { rgb } = contourStyle(about, layer);
    return { ...layer, colours: [rgb] };
  });
  return { ...about, layers };
}

/** Sources of the predictions of a case. */
export function predictions(about: Case): string[] {
  return about.layers
    .filter((l) => l.kind === "codes" && l.source.startsWith("prediction") && !l.guaranteed)
    .map((layer) => layer.source);
}

export class LayerPanel {
  readonly element = h("section", {}, h("h2", {}, "Layers"));

  /** `arranged` is called when the panes must be made anew. */
  constructor(
    private readonly about: Case,
    private readonly shelf: Shelf,
    private readonly panes: readonly Pane[],
    arranged: () => void,
  ) {
    const codes = about.layers.filter((layer) => layer.kind === "codes");
    const heats = about.layers.filter((layer) => layer.kind === "probability");
    if (!codes.length) this.element.append(h("p", { class: "quiet" }, "No labels, no predictions."));
    for (const layer of codes) this.element.append(this.codes(layer));
    if (codes.length || heats.length) {
      this.element.append(
        slider("Opacity", chosen.opacity, (value) => {
          chosen.opacity = value;
          this.panes.forEach((pane) => pane.setOpacity(value));
        }),
      );
    }
    if (heats.length) this.element.append(...this.heats(heats));
    if (predictions(about).length > 1) {
      this.element.append(
        check("Side by side", chosen.side, (on) => {
          chosen.side = on;
          arranged();
        }),
      );
    }
  }

  /** What a case shows that is opened first. */
  static defaults(about: Case): void {
    for (const layer of about.layers) {
      if (layer.kind !== "codes") continue;
      const weak = layer.source === "labels" && about.layers.some((l) => l.source === "truth");
      if (about.kind === "volume") {
        const predicted = predictions(about).length > 0;
        const said = layer.source.startsWith("prediction") && !layer.guaranteed;
        if (said || !predicted) chosen.fill.add(layer.id);
      } else if (!weak) chosen.contour.add(layer.id);
    }
  }

  /** Lay over the panes what is chosen. */
  async apply(): Promise<void> {
    const work: Promise<void>[] = [];
    this.panes.forEach((pane, k) => {
      pane.setOpacity(chosen.opacity);
      for (const layer of this.about.layers) {
        const here = this.on(layer, k);
        work.push(pane.fill(layer, here && this.filled(layer), this.shelf.tile));
        if (pane instanceof SlidePane && layer.kind === "codes") {
          work.push(pane.contour(layer, here && chosen.contour.has(layer.id)));
        }
      }
    });
    await Promise.all(work.map((step) => step.catch(complain)));
  }

  /** Whether a layer belongs on a pane: with two, each run has its own. */
  private on(layer: Layer, pane: number): boolean {
    const two = this.panes.length > 1;
    return !two || !layer.source.startsWith("prediction") || layer.source === `prediction${pane}`;
  }

  /** Whether a layer is an area now: no mask hides what a heat map says below it. */
  private filled(layer: Layer): boolean {
    const heat = this.about.layers.some((l) => l.kind === "probability" && chosen.fill.has(l.id));
    return chosen.fill.has(layer.id) && !(heat && layer.kind === "codes");
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
    if (flat || layer.classes.length === 1) row.append(this.colour(layer));
    const names = h("span", { class: "classes" });
    layer.classes.forEach((name, k) =>
      names.append(h("span", {}, swatch(layer.colours[k] ?? [128, 128, 128]), name)),
    );
    if (!flat || layer.classes.length > 1) row.append(names);
    return row;
  }

  /** The colour of a layer, chosen for all cases. */
  private colour(layer: Layer): HTMLElement {
    const { rgb } = contourStyle(this.about, layer);
    const hex = rgb.map((v) => v.toString(16).padStart(2, "0")).join("");
    const input = h("input", { type: "color", class: "colour", "aria-label": `Colour of ${layer.title}` });
    input.value = `#${hex}`;
    input.addEventListener("change", () => {
      const at = (k: number): number => parseInt(input.value.slice(k, k + 2), 16);
      recoloured.set(layer.id, [at(1), at(3), at(5)]);
      if (layer.classes.length === 1) layer.colours[0] = recoloured.get(layer.id)!;
      for (const mark of input.parentElement?.querySelectorAll<HTMLElement>(".stroke, .swatch") ?? []) {
        if (layer.classes.length === 1 || mark.className.startsWith("stroke"))
          mark.style.setProperty("--colour", input.value);
      }
      this.panes.forEach((pane) => pane.recolour(layer));
    });
    return input;
  }

  private toggle(layer: Layer, what: "fill" | "contour", label: string, mark?: Node): HTMLElement {
    return check(
      label,
      chosen[what].has(layer.id),
      (on) => {
        chosen.touched = true;
        if (on) chosen[what].add(layer.id);
        else chosen[what].delete(layer.id);
        this.panes.forEach((pane, k) => {
          const shown = on && this.on(layer, k);
          const done =
            what === "fill"
              ? pane.fill(layer, shown && this.filled(layer), this.shelf.tile)
              : (pane as SlidePane).contour(layer, shown);
          done.catch(complain);
        });
      },
      `${label} of ${layer.title}`,
      mark,
    );
  }

  /** One heat map, or side by side that of the same class of each run; a threshold for each. */
  private heats(layers: Layer[]): HTMLElement[] {
    const groups = new Map<string, Layer[]>();
    for (const layer of layers) {
      const title = this.panes.length > 1 ? `probability of ${layer.classes[0]}` : layer.title;
      groups.set(title, [...(groups.get(title) ?? []), layer]);
    }
    const select = h("select", { "aria-label": "Heat map" }, h("option", { value: "" }, "none"));
    for (const title of groups.keys()) select.append(h("option", { value: title }, title));
    select.value = [...groups].find(([, own]) => own.some((l) => chosen.fill.has(l.id)))?.[0] ?? "";
    const limits = h("div");
    const show = (): void => {
      const own = groups.get(select.value) ?? [];
      for (const layer of layers) {
        const on = own.includes(layer);
        if (on) chosen.fill.add(layer.id);
        else chosen.fill.delete(layer.id);
      }
      for (const layer of this.about.layers) {
        this.panes.forEach((pane, k) =>
          pane
            .fill(layer, this.filled(layer) && this.on(layer, k), this.shelf.tile)
            .catch(complain),
        );
      }
      const bar = own.length ? [colourBar(STOPS), h("p", { class: "quiet" }, HIDDEN)] : [];
      limits.replaceChildren(
        ...bar,
        ...own.map((layer) => this.threshold(layer, own.length > 1)),
      );
    };
    select.addEventListener("change", () => {
      chosen.touched = true;
      show();
    });
    if (select.value) show();
    return [h("label", { class: "line" }, h("span", {}, "Heat map"), select), limits];
  }

  private threshold(layer: Layer, several: boolean): HTMLElement {
    const start = (layer.thresholds[0] ?? 128) / 255;
    const run = this.shelf.predictions[Number(layer.source.replace("prediction", ""))]?.name ?? "";
    return slider(several ? `Threshold, ${run}` : "Threshold", start, (value) => {
      this.panes.forEach((pane) => pane.setThreshold(layer.id, value * 255));
    }, [0, 1, 0.01], percent);
  }
}
