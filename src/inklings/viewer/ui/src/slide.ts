/** One pane with a slide or picture: deep zoom, layers, contours, scale bar, drawing. */

import OpenSeadragon from "openseadragon";
import { api } from "./api";
import { css, h, swatch } from "./dom";
import { drawOn, Pen, type Draft, type Spot } from "./draw";
import { paint, type Contour, type Evidence } from "./outline";
import { measure } from "./scale";
import { tint } from "./tint";
import type { Case, Finding, Layer } from "./types";

// OpenSeadragon would add a style element with text, which the policy refuses. It does not where it
// finds one of this name, also of another namespace, which styles nothing; style.css holds the rule.
const theirs = document.createElementNS("inklings", "style");
theirs.setAttribute("data-openseadragon-mobile-css", "true");
document.head.append(theirs);

interface Shown {
  layer: Layer;
  item: OpenSeadragon.TiledImage;
  threshold: number;
}

type Colour = [number, number, number];

/** Seen on pink and violet as well as on grey, and told apart by the colour-blind. */
const CONTOUR_COLOURS: Record<string, Colour> = {
  truth: [86, 200, 255],
  labels: [255, 238, 60],
  prediction0: [255, 143, 31],
  prediction1: [60, 245, 170],
};
/** Colours that were chosen instead, by layers. */
export const recoloured = new Map<string, Colour>();
const POWERS = [2.5, 5, 10, 20, 40];

/** Labels are drawn as the truth where there is no other, and dashed where they are weak. */
export function contourStyle(
  about: Case,
  layer: Layer,
): { colour: string; rgb: Colour; dashed: boolean } {
  const weak = layer.source === "labels" && about.layers.some((l) => l.source === "truth");
  const source = layer.source === "labels" && !weak ? "truth" : layer.source;
  const rgb = recoloured.get(layer.id) ?? CONTOUR_COLOURS[source] ?? layer.colours[0] ?? [255, 255, 255];
  return { colour: css(rgb), rgb, dashed: weak || layer.guaranteed };
}

export class SlidePane {
  readonly element: HTMLElement;
  readonly viewer: OpenSeadragon.Viewer;
  pen = new Pen();
  chosen: Finding | null = null;
  evidence: Evidence | null = null;
  /** A click that is no drag, in samples, array order. */
  picked: (y: number, x: number) => void = () => undefined;
  private readonly canvas: HTMLCanvasElement;
  private readonly bar: HTMLElement;
  private readonly coords = h("div", { class: "coords", "aria-hidden": "true" });
  private readonly frame = h("span", { class: "frame" });
  private readonly overview: HTMLElement;
  private readonly legend = h("ul", { class: "legend", hidden: true, "aria-label": "Layers shown" });
  private readonly shown = new Map<string, Shown>();
  private readonly contours = new Map<string, Contour>();
  private draft: Draft | null = null;
  private opacity = 0.55;
  private hidden = false;
  private ready: Promise<void>;

  constructor(
    private readonly about: Case,
    tileSize: number,
    title: string,
    private readonly image: string,
  ) {
    this.canvas = h("canvas", { class: "outlines", "aria-hidden": "true" });
    this.bar = h("div", { class: "scale" });
    const stage = h("div", { class: "osd" });
    this.overview = h("div", { class: "overview", hidden: true, "aria-hidden": "true" }, this.frame);
    this.element = h(
      "section",
      { class: "pane", "aria-label": title },
      stage,
      this.canvas,
      this.bar,
      this.coords,
      this.overview,
      this.legend,
      title ? h("p", { class: "pane-title" }, title) : null,
    );
    this.viewer = OpenSeadragon({
      element: stage,
      drawer: "canvas",
      showNavigationControl: false,
      showNavigator: false,
      tileSources: this.source(tileSize) as OpenSeadragon.TileSourceOptions,
      animationTime: 0.4,
      blendTime: 0.1,
      maxZoomPixelRatio: 16,
      minZoomImageRatio: 0.7,
      visibilityRatio: 0.4,
      imageLoaderLimit: 8,
      maxImageCacheCount: 600,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      imageSmoothingEnabled: true,
      crossOriginPolicy: false,
    });
    this.ready = new Promise((done, failed) => {
      if (this.viewer.isOpen()) done();
      this.viewer.addOnceHandler("open", () => done());
      this.viewer.addOnceHandler("open-failed", () =>
        failed(new Error("This image cannot be shown.")),
      );
    });
    this.ready.catch(() => undefined);
    this.listen();
    drawOn(this.canvas, {
      pen: () => this.pen,
      spot: (x, y) => this.spot(x, y),
      draft: (draft) => {
        this.draft = draft;
        this.repaint();
      },
    });
  }

  private source(tileSize: number): object {
    const [height, width] = this.about.shape as [number, number];
    return this.pyramid(width, height, tileSize, this.about.levels[0], (l, x, y) =>
      api.tile(this.about.id, this.image, l, x, y),
    );
  }

  private pyramid(
    width: number,
    height: number,
    tileSize: number,
    minLevel: number,
    url: (level: number, x: number, y: number) => string,
  ): object {
    const maxLevel = Math.ceil(Math.log2(Math.max(width, height, 1)));
    return { width, height, tileSize, tileOverlap: 0, minLevel, maxLevel, getTileUrl: url };
  }

  private listen(): void {
    const viewer = this.viewer;
    for (const event of ["update-viewport", "resize"] as const) {
      viewer.addHandler(event, () => this.repaint());
    }
    viewer.addHandler("canvas-key", (event) => {
      const key = (event.originalEvent as KeyboardEvent).key;
      if (/^[a-z]$/i.test(key)) event.preventDefaultAction = true; // letters are our own
    });
    viewer.addHandler("canvas-click", (event) => {
      const image = viewer.world.getItemAt(0);
      if (!event.quick || !image) return;
      const at = image.viewerElementToImageCoordinates(event.position);
      this.picked(at.y - 0.5, at.x - 0.5);
    });
    viewer.addHandler("tile-invalidated", async (event) => {
      const found = [...this.shown.values()].find((s) => s.item === event.tiledImage);
      if (!found) return;
      const context = (await event.getData("context2d")) as CanvasRenderingContext2D | undefined;
      if (!context) return;
      const { width, height } = context.canvas;
      const picture = context.getImageData(0, 0, width, height);
      tint(picture.data, found.layer, { threshold: found.threshold });
      context.putImageData(picture, 0, 0);
      await event.setData(context, "context2d");
    });
    // While drawing, the wheel still zooms.
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const at = new OpenSeadragon.Point(event.offsetX, event.offsetY);
      const about = viewer.viewport.pointFromPixel(at, true);
      viewer.viewport.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, about).applyConstraints();
    });
    this.element.addEventListener("pointermove", (event) => this.tell(event));
    this.element.addEventListener("pointerleave", () => (this.coords.textContent = ""));
    const jump = (event: PointerEvent): void => {
      const box = this.overview.getBoundingClientRect();
      const [height, width] = this.about.shape as [number, number];
      const image = viewer.world.getItemAt(0);
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      if (image) viewer.viewport.panTo(image.imageToViewportCoordinates(x * width, y * height, true));
    };
    this.overview.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      jump(event);
    });
    this.overview.addEventListener("pointermove", (event) => event.buttons && jump(event));
    const canvas = viewer.canvas as HTMLElement;
    canvas.setAttribute("role", "img");
    canvas.setAttribute(
      "aria-label",
      `Image of case ${this.about.id}; arrows move, plus and minus zoom`,
    );
  }

  /** Where the pointer is. */
  private tell(event: PointerEvent): void {
    const box = this.element.getBoundingClientRect();
    const image = this.viewer.world.getItemAt(0);
    if (!image) return;
    const at = new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top);
    const { x, y } = image.viewerElementToImageCoordinates(at);
    const [height, width] = this.about.shape as [number, number];
    const um = this.about.spacingUm;
    const inside = x >= 0 && y >= 0 && x < width && y < height;
    const place = um
      ? `x ${((x * um[1]!) / 1000).toFixed(3)}  y ${((y * um[0]!) / 1000).toFixed(3)} mm`
      : `x ${Math.floor(x)}  y ${Math.floor(y)} px`;
    this.coords.textContent = inside ? place : "";
  }

  /** The part of the image that is seen, while it is not all of it. */
  private look(project: (x: number, y: number) => [number, number]): void {
    const [height, width] = this.about.shape as [number, number];
    const [[left, top], [right, bottom]] = [project(0, 0), project(width, height)];
    const { clientWidth, clientHeight } = this.element;
    const clip = (v: number): number => Math.min(1, Math.max(0, v));
    const ends = [-left, -top, clientWidth - left, clientHeight - top];
    const [x0, y0, x1, y1] = ends.map((v, k) => clip(v / (k % 2 ? bottom - top : right - left))) as [
      number, number, number, number,
    ];
    this.overview.hidden = x0 <= 0 && y0 <= 0 && x1 >= 1 && y1 >= 1;
    if (!this.overview.hidden && this.overview.firstChild === this.frame) {
      this.overview.prepend(h("img", { src: api.thumbnail(this.about.id), alt: "" })); // not before the tiles
    }
    const style = { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
    for (const [side, share] of Object.entries(style)) {
      this.frame.style.setProperty(side, `${share * 100}%`);
    }
  }

  /** What lies over the image now, in its colours. */
  private explain(): void {
    const lines: HTMLElement[] = [];
    for (const layer of this.about.layers) {
      const contour = this.contours.has(layer.id);
      const area = this.shown.get(layer.id);
      if (layer.kind !== "codes" || !(contour || area)) continue;
      const { rgb, dashed } = contourStyle(this.about, layer);
      const several = area && layer.classes.length > 1;
      if (contour || !several) lines.push(h("li", {}, swatch(rgb, dashed), layer.title));
      if (!several) continue;
      layer.classes.forEach((name, k) =>
        lines.push(h("li", {}, swatch(layer.colours[k] ?? rgb), `${layer.title}: ${name}`)),
      );
    }
    this.legend.replaceChildren(...lines);
    this.legend.hidden = this.hidden || !lines.length;
  }

  /** A layer has another colour now. */
  recolour(layer: Layer): void {
    const contour = this.contours.get(layer.id);
    if (contour) contour.colour = contourStyle(this.about, layer).colour;
    void this.shown.get(layer.id)?.item.requestInvalidate(true);
    this.explain();
    this.repaint();
  }

  /** Lay a layer over the image, or take it away. */
  async fill(layer: Layer, on: boolean, tileSize: number): Promise<void> {
    await this.ready;
    const there = this.shown.get(layer.id);
    if (!on) {
      if (there) this.viewer.world.removeItem(there.item);
      this.shown.delete(layer.id);
      this.explain();
      return;
    }
    if (there) return;
    const max = Math.ceil(Math.log2(Math.max(layer.width, layer.height, 1)));
    const least = Math.max(0, max - Math.ceil(Math.log2(Math.max(layer.width, layer.height) / tileSize)));
    const source = this.pyramid(layer.width, layer.height, tileSize, Math.min(least, max), (l, x, y) =>
      api.layerTile(this.about.id, layer.id, l, x, y),
    );
    await new Promise<void>((done, failed) => {
      this.viewer.addTiledImage({
        tileSource: source as OpenSeadragon.TileSource,
        width: layer.span,
        opacity: this.hidden ? 0 : this.opacity,
        success: (event: unknown) => {
          const { item } = event as { item: OpenSeadragon.TiledImage };
          this.shown.set(layer.id, { layer, item, threshold: layer.thresholds[0] ?? 0 });
          void item.requestInvalidate(true);
          this.explain();
          done();
        },
        error: () => failed(new Error(`The layer ${layer.title} cannot be shown.`)),
      });
    });
  }

  async contour(layer: Layer, on: boolean): Promise<void> {
    if (!on) this.contours.delete(layer.id);
    else {
      const outlines = await api.contours(this.about.id, layer.id);
      this.contours.set(layer.id, { outlines, ...contourStyle(this.about, layer) });
    }
    this.explain();
    this.repaint();
  }

  setOpacity(value: number): void {
    this.opacity = value;
    for (const { item } of this.shown.values()) item.setOpacity(this.hidden ? 0 : value);
  }

  setThreshold(id: string, value: number): void {
    const found = this.shown.get(id);
    if (!found) return;
    found.threshold = value;
    void found.item.requestInvalidate(true);
  }

  hide(hidden: boolean): void {
    this.hidden = hidden;
    this.setOpacity(this.opacity);
    this.explain();
    this.repaint();
  }

  /** Once the pane has its place in the page: the whole image in view. */
  async settle(): Promise<void> {
    await this.ready;
    const { clientWidth, clientHeight } = this.element;
    this.viewer.viewport.resize(new OpenSeadragon.Point(clientWidth, clientHeight), false);
    this.viewer.viewport.goHome(true);
  }

  fit(): void {
    this.viewer.viewport.goHome();
  }

  zoom(times: number): void {
    this.viewer.viewport.zoomBy(times);
    this.viewer.viewport.applyConstraints();
  }

  /** As under an objective: 10 is 1 micrometre a pixel of the page. */
  magnify(power: number): void {
    const [image, um] = [this.viewer.world.getItemAt(0), this.about.spacingUm?.[1]];
    if (image && um) this.viewer.viewport.zoomTo(image.imageToViewportZoom((um * power) / 10));
  }

  /** Move so that a finding fills a good part of the view. */
  goTo(found: Finding): void {
    this.chosen = found;
    const [y, x] = found.centre.slice(-2) as [number, number];
    const side = Math.max(...found.radii.slice(-2), 8) * 8;
    const image = this.viewer.world.getItemAt(0);
    if (!image) return;
    const box = image.imageToViewportRectangle(x + 0.5 - side / 2, y + 0.5 - side / 2, side, side);
    this.viewer.viewport.fitBounds(box);
    this.repaint();
  }

  repaint(): void {
    const image = this.viewer.world.getItemAt(0);
    if (!image) return;
    const project = this.project(image);
    paint(this.canvas, project, {
      evidence: this.hidden ? null : this.evidence,
      contours: this.hidden ? [] : this.contours.values(),
      pen: this.hidden ? null : this.pen,
      draft: this.draft,
      chosen: this.chosen,
    });
    this.look(project);
    measure(this.bar, project(1, 0)[0] - project(0, 0)[0], this.about.spacingUm?.[1]);
  }

  private project(image: OpenSeadragon.TiledImage): (x: number, y: number) => [number, number] {
    const at = (x: number, y: number): OpenSeadragon.Point =>
      this.viewer.viewport.viewportToViewerElementCoordinates(
        image.imageToViewportCoordinates(x, y, true),
      );
    const [origin, right] = [at(0, 0), at(1000, 0)];
    const step = (right.x - origin.x) / 1000;
    return (x, y) => [origin.x + x * step, origin.y + y * step];
  }

  private spot(x: number, y: number): Spot | null {
    const image = this.viewer.world.getItemAt(0);
    if (!image) return null;
    const at = (left: number, top: number): [number, number] => {
      const place = image.viewerElementToImageCoordinates(new OpenSeadragon.Point(left, top));
      return [place.y - 0.5, place.x - 0.5];
    };
    const step = this.step();
    const { clientWidth, clientHeight } = this.element;
    return {
      point: at(x, y),
      radii: [this.pen.brush / step],
      step: [step, step],
      seen: [at(0, 0), at(clientWidth, clientHeight)],
    };
  }

  private step(): number {
    const image = this.viewer.world.getItemAt(0);
    if (!image) return 1;
    const project = this.project(image);
    return project(1, 0)[0] - project(0, 0)[0] || 1;
  }

  /** The pen has another tool now. */
  use(): void {
    const draws = this.pen.tool !== "move";
    this.canvas.classList.toggle("drawing", draws);
    this.viewer.setMouseNavEnabled(!draws);
    this.draft = null;
    this.repaint();
  }

  /** From black to white. */
  greys(): number {
    return 255;
  }

  destroy(): void {
    this.viewer.destroy();
  }
}

/** Buttons that magnify as an objective does; none where the size of a pixel is not known. */
export function powers(about: Case, panes: () => readonly SlidePane[]): HTMLElement {
  const row = h("div", { class: "buttons powers", role: "group", "aria-label": "Magnification" });
  for (const power of about.spacingUm ? POWERS : []) {
    const act = (): void => panes().forEach((pane) => pane.magnify(power));
    row.append(h("button", { type: "button", onclick: act }, `${power}×`));
  }
  return row;
}

/** Move one pane and the other follows. */
export function link(panes: SlidePane[]): void {
  let leading = false;
  for (const pane of panes) {
    pane.viewer.addHandler("update-viewport", () => {
      if (leading) return;
      leading = true;
      for (const other of panes) {
        if (other === pane) continue;
        const [from, to] = [pane.viewer.viewport, other.viewer.viewport];
        const [here, there] = [from.getCenter(true), to.getCenter(true)];
        const moved = Math.hypot(here.x - there.x, here.y - there.y) * from.getZoom(true) > 1e-4;
        if (moved || Math.abs(from.getZoom(true) / to.getZoom(true) - 1) > 1e-4) {
          to.zoomTo(from.getZoom(true), undefined, true);
          to.panTo(here, true);
        }
      }
      leading = false;
    });
  }
}
