/** The page of one case: stage, layers, findings, corrections. */

import { api } from "./api";
import { BagView } from "./bag";
import { Correcting } from "./correct";
import { check, complain, h } from "./dom";
import { FindingList } from "./findings";
import { chosen, coloured, LayerPanel, predictions, type Pane } from "./layers";
import { link as linkSlides, powers, SlidePane } from "./slide";
import type { Case, Shelf } from "./types";
import { LAYOUTS, link as linkVolumes, view, VolumePane, WINDOWS } from "./volume";

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
      this.correcting.answered = (answers) => this.bag?.relabel(answers);
      this.panel.append(this.bag.controls, this.correcting.element, this.facts());
      await Promise.all([this.bag.open(), this.correcting.load()]);
      return;
    }
    if (!chosen.touched) LayerPanel.defaults(this.about);
    await this.arrange();
  }

  private async arrange(): Promise<void> {
    this.panes.forEach((pane) => pane.destroy());
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
    const objectives = powers(this.about, () => this.slides());
    return h("section", {}, h("h2", {}, "View"), this.images(), objectives, row);
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
    for (const [name, title] of Object.entries(LAYOUTS)) select.append(h("option", { value: name }, title));
    select.value = view.layout;
    select.addEventListener("change", () => panes.forEach((pane) => pane.planes(select.value)));
    const hide = h("button", { type: "button", onclick: () => this.hide() }, "Hide overlays");
    const play = h("button", { type: "button", class: "play", "aria-pressed": "false", title: "key Space" }, "Cine");
    play.addEventListener("click", () => play.setAttribute("aria-pressed", String(panes[0]?.play())));
    place.append(
      this.numbers(panes),
      h("label", { class: "line" }, h("span", {}, "Planes"), select),
      check("Masks as outlines", false, (on) => panes.forEach((pane) => pane.outlineOnly(on))),
      h("div", { class: "buttons" }, play, hide),
    );
    if (panes[0]?.slow) {
      const words = "No graphics card is available: large volumes are shown coarser, 3D on request.";
      place.append(h("p", { class: "quiet" }, words));
    }
    return place;
  }

  /** The window in numbers: of any volume, and dragged with the right button. */
  private numbers(panes: VolumePane[]): HTMLElement {
    const field = (title: string): HTMLInputElement =>
      h("input", { type: "number", step: "any", "aria-label": title });
    const [level, width] = [field("Level"), field("Width")];
    const show = (low: number, high: number): void => {
      view.window = [low, high];
      level.value = String(Number(((low + high) / 2).toPrecision(4)));
      width.value = String(Number((high - low).toPrecision(4)));
      for (const pane of panes) {
        const [own, top] = pane.levels();
        if (own !== low || top !== high) pane.range(low, high);
      }
      for (const button of this.panel.querySelectorAll<HTMLElement>(".windows button")) {
        const [centre, wide] = WINDOWS[button.textContent ?? ""] ?? [];
        const same = centre === (low + high) / 2 && wide === high - low;
        button.setAttribute("aria-pressed", String(same));
      }
    };
    const typed = (): void => {
      const [l, w] = [Number(level.value), Number(width.value)];
      if (w > 0 && Number.isFinite(l)) panes[0]?.range(l - w / 2, l + w / 2);
    };
    for (const input of [level, width]) input.addEventListener("change", typed);
    panes.forEach((pane) => (pane.windowed = show));
    if (panes[0]) show(...panes[0].levels());
    return h(
      "div",
      { class: "line window" },
      h("span", { title: "or drag with the right button" }, "Window"),
      h("label", {}, "L ", level),
      h("label", {}, "W ", width),
    );
  }

  private windows(panes: VolumePane[]): HTMLElement {
    const row = h("div", { class: "buttons windows", role: "group", "aria-label": "Window" });
    for (const name of [...Object.keys(WINDOWS), "auto"]) {
      const act = (): void =>
        panes.forEach((pane) => (name === "auto" ? pane.automatic() : pane.window(name)));
      const [level, width] = WINDOWS[name] ?? [];
      const button = h(
        "button",
        {
          type: "button",
          onclick: act,
          "aria-pressed": String(name === "mediastinum" && !view.window),
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
      "0": () => this.panes.forEach((pane) => (pane instanceof SlidePane ? pane.fit() : pane.zoom(0))),
      "+": () => this.panes.forEach((pane) => pane.zoom(1.5)),
      "-": () => this.panes.forEach((pane) => pane.zoom(1 / 1.5)),
    };
    if (this.volumes().length) {
      const step = (by: number) => () => this.volumes()[0]?.step(by);
      Object.assign(acts, {
        ArrowUp: step(1), ArrowDown: step(-1), PageUp: step(1), PageDown: step(-1),
        " ": () => this.panel.querySelector<HTMLElement>(".play")?.click(),
      });
      if (key === " " && document.activeElement instanceof HTMLButtonElement) return false;
    }
    const act = acts[key];
    if (act) act();
    const parts = [this.bag, this.findings, this.correcting];
    return Boolean(act) || parts.some((part) => part?.key(key));
  }

  destroy(): void {
    this.panes.forEach((pane) => pane.destroy());
    view.window = null; // of this image, not of the next
    this.bag?.destroy();
  }
}
