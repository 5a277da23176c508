/** The page of one case: stage, layers, findings, corrections. */

import { api } from "./api";
import { BagView } from "./bag";
import { Correcting } from "./correct";
import { check, complain, h } from "./dom";
import { FindingList } from "./findings";
import { chosen, coloured, LayerPanel, predictions, type Pane } from "./layers";
import { link as linkSlides, SlidePane } from "./slide";
import type { Case, Shelf } from "./types";
import { link as linkVolumes, VolumePane, WINDOWS } from "./volume";

export class CasePage {
  readonly element: HTMLElement;
  private readonly stage = h("div", { class: "stage" });
  private readonly panel = h("aside", { class: "panel", "aria-label": "Layers and findings" });
  private readonly about: Case;
  private panes: Pane[] = [];
  private bag: BagView | null = null;
  private findings: FindingList | null = null;
  private correcting: Correcting | null = null;
  private hidden = false;
  private image: string;

  constructor(
    about: Case,
    private readonly shelf: Shelf,
  ) {
    this.about = coloured(about);
    this.image = this.about.images[0] ?? "";
    this.element = h("div", { class: `case-page ${about.kind}` }, this.stage, this.panel);
  }

  /** Fill the page; it must be in the document by now. */
  async open(): Promise<void> {
    if (this.about.kind === "bag") {
      this.bag = new BagView(await api.bag(this.about.id), this.shelf);
      this.stage.replaceChildren(this.bag.element);
      this.correcting = new Correcting(this.about, this.shelf, []);
      this.panel.append(this.bag.controls, this.correcting.element, this.facts());
      await Promise.all([this.bag.open(), this.correcting.load()]);
      return;
    }
    if (!chosen.touched) LayerPanel.defaults(this.about);
    await this.arrange();
  }

  private async arrange(): Promise<void> {
    this.slides().forEach((pane) => pane.destroy());
    const two = chosen.side && predictions(this.about).length > 1;
    const titles = two ? this.shelf.predictions.map((p) => p.name) : [""];
    this.panes = titles.map((title) =>
      this.about.kind === "volume"
        ? new VolumePane(this.about, title)
        : new SlidePane(this.about, this.shelf.tile, title, this.image),
    );
    this.stage.classList.toggle("two", two);
    this.stage.replaceChildren(...this.panes.map((pane) => pane.element));
    const [slides, volumes] = [this.slides(), this.volumes()];
    await Promise.all(slides.map((pane) => pane.settle()));
    await Promise.all(volumes.map((pane) => pane.open(this.image)));
    if (two) (slides.length ? linkSlides(slides) : linkVolumes(volumes));
    const layers = new LayerPanel(this.about, this.shelf, this.panes, () => {
      this.arrange().catch(complain);
    });
    this.correcting = new Correcting(this.about, this.shelf, this.panes);
    this.findings = new FindingList(this.about, this.shelf, this.panes, this.correcting);
    this.panel.replaceChildren(
      layers.element,
      volumes.length ? this.planes(volumes) : this.viewing(),
      this.findings.element,
      this.correcting.element,
      this.correcting.measuring.element,
      this.facts(),
    );
    await this.correcting.load();
    await Promise.all([layers.apply(), this.findings.load().catch(complain)]);
  }

  private viewing(): HTMLElement {
    const row = h("div", { class: "buttons" });
    const button = (title: string, act: () => void, label?: string): void =>
      row.append(h("button", { type: "button", onclick: act, "aria-label": label }, title));
    button("+", () => this.slides().forEach((p) => p.zoom(2)), "Zoom in");
    button("−", () => this.slides().forEach((p) => p.zoom(0.5)), "Zoom out");
    button("Whole image", () => this.slides().forEach((p) => p.fit()));
    button("Hide overlays", () => this.hide());
    return h("section", {}, h("h2", {}, "View"), this.images(), row);
  }

  /** Which image of the case is shown; nothing where there is one. */
  private images(): HTMLElement | null {
    if (this.about.images.length < 2) return null;
    const select = h("select", { "aria-label": "Image" });
    for (const name of this.about.images) select.append(h("option", { value: name }, name));
    select.value = this.image;
    select.addEventListener("change", () => {
      this.image = select.value;
      this.arrange().catch(complain);
    });
    return h("label", { class: "line" }, h("span", {}, "Image"), select);
  }

  private planes(panes: VolumePane[]): HTMLElement {
    const place = h("section", {}, h("h2", {}, "View"), this.images());
    if (panes[0]?.isCt()) place.append(this.windows(panes));
    const select = h("select", { "aria-label": "Planes" });
    const titles = { all: "three planes and 3-D", three: "three planes" };
    for (const name of ["all", "three", "axial", "coronal", "sagittal", "3-D"]) {
      select.append(h("option", { value: name }, titles[name as "all"] ?? name));
    }
    select.value = panes[0]?.slow ? "three" : "all";
    select.addEventListener("change", () => panes.forEach((pane) => pane.planes(select.value)));
    const hide = h("button", { type: "button", onclick: () => this.hide() }, "Hide overlays");
    place.append(
      h("label", { class: "line" }, h("span", {}, "Planes"), select),
      check("Masks as outlines", false, (on) => panes.forEach((pane) => pane.outlineOnly(on))),
      h("div", { class: "buttons" }, hide),
    );
    if (panes[0]?.slow) {
      const words = "No graphics card draws here: large volumes are shown coarser, 3-D when asked for.";
      place.append(h("p", { class: "quiet" }, words));
    }
    return place;
  }

  private windows(panes: VolumePane[]): HTMLElement {
    const row = h("div", { class: "buttons windows", role: "group", "aria-label": "Window" });
    for (const name of [...Object.keys(WINDOWS), "auto"]) {
      const act = (): void => {
        panes.forEach((pane) => (name === "auto" ? pane.automatic() : pane.window(name)));
        for (const other of row.querySelectorAll("button")) {
          other.setAttribute("aria-pressed", String(other === button));
        }
      };
      const [level, width] = WINDOWS[name] ?? [];
      const button = h(
        "button",
        {
          type: "button",
          onclick: act,
          "aria-pressed": String(name === "mediastinum"),
          "aria-label": `Window ${name}`,
          title: width ? `level ${level}, width ${width} HU` : "from the image",
        },
        name,
      );
      row.append(button);
    }
    return row;
  }

  private slides(): SlidePane[] {
    return this.panes.filter((pane): pane is SlidePane => pane instanceof SlidePane);
  }

  private volumes(): VolumePane[] {
    return this.panes.filter((pane): pane is VolumePane => pane instanceof VolumePane);
  }

  private hide(): void {
    this.hidden = !this.hidden;
    this.panes.forEach((pane) => pane.hide(this.hidden));
  }

  private facts(): HTMLElement {
    const { shape, spacingUm } = this.about;
    const um = spacingUm?.map((v) => Number(v.toPrecision(4)));
    const large = um && um[0]! > 100;
    const spacing = large ? `${um.map((v) => v / 1000).join(" × ")} mm` : `${um?.join(" × ")} µm`;
    const rows: [string, string][] = [
      ["Patient", this.about.patient],
      ["Part", this.about.split ?? "–"],
    ];
    if (shape) rows.push(["Samples", shape.join(" × ")], ["Spacing", um ? spacing : "not known"]);
    rows.push(...Object.entries(this.about.facts).slice(0, 12));
    const list = h("dl", { class: "facts" });
    for (const [name, value] of rows) list.append(h("dt", {}, name), h("dd", {}, value));
    return h("section", {}, h("h2", {}, "About"), list);
  }

  /** Keys of this page; whether the key was one of them. */
  key(key: string): boolean {
    const preset = /^Shift[1-9]$/.test(key) ? Number(key.slice(5)) : 0;
    const window = this.panel.querySelectorAll<HTMLElement>(".windows button")[preset - 1];
    if (window) {
      window.click();
      return true;
    }
    const acts: Record<string, () => void> = {
      h: () => (this.bag ? this.bag.hide() : this.hide()),
      "0": () => this.slides().forEach((pane) => pane.fit()),
      "+": () => this.slides().forEach((pane) => pane.zoom(1.5)),
      "-": () => this.slides().forEach((pane) => pane.zoom(1 / 1.5)),
    };
    const act = acts[key];
    if (act) act();
    const parts = [this.bag, this.findings, this.correcting];
    return Boolean(act) || parts.some((part) => part?.key(key));
  }

  destroy(): void {
    this.slides().forEach((pane) => pane.destroy());
    this.bag?.destroy();
  }
}
