/** One pane with a volume: three planes and 3-D, windows, masks over it. */

import { DRAG_MODE, Niivue, SLICE_TYPE } from "@niivue/niivue";
import { api } from "./api";
import { h } from "./dom";
import { drawOn, Pen, type Draft, type Spot } from "./draw";
import { paintSheets, PLANES, sheets, type Sheet } from "./sheets";
import { digits } from "./shapes";
import { heat, STOPS } from "./tint";
import type { Case, Finding, Layer } from "./types";

/** Level and width of Hounsfield units, as radiologists name them. */
export const WINDOWS: Record<string, [number, number]> = {
  lung: [-600, 1500],
  mediastinum: [40, 400],
  liver: [60, 160],
  bone: [400, 1800],
};

/** How volumes are shown; the next one, and the one beside, are shown so too. */
export const view = { layout: "", hero: "axial", window: null as [number, number] | null };

export const LAYOUTS: Record<string, string> = {
  large: "one large",
  all: "four equal",
  three: "three planes",
  axial: "axial",
  coronal: "coronal",
  sagittal: "sagittal",
  "3-D": "3-D",
};

type Tile = { sliceType: SLICE_TYPE; position: [number, number, number, number] };
const KINDS: Record<string, SLICE_TYPE> = {
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3-D": SLICE_TYPE.RENDER,
};
const FRAME = 100; // ms of the cine
const NOTCH = 40; // of the wheel, in pixels; touch pads send many small ones

const HEAT = "inklings_heat";

export class VolumePane {
  readonly element: HTMLElement;
  readonly nv: Niivue;
  pen = new Pen();
  /** Drawn by a processor: large volumes and 3-D would make everything wait. */
  slow = false;
  /** The window was changed: darkest and brightest value. */
  windowed: (low: number, high: number) => void = () => undefined;
  private playing = 0;
  private turned = 0;
  private filling: Promise<void> = Promise.resolve();
  private draft: Draft | null = null;
  private chosen: Finding | null = null;
  private readonly canvas: HTMLCanvasElement;
  private readonly over = h("canvas", { class: "outlines", "aria-hidden": "true" });
  private readonly where: HTMLElement;
  private readonly order: string[] = [];
  private place: [number, number, number] = [0, 0, 0];
  private opacity = 0.5;
  private hidden = false;

  constructor(
    readonly about: Case,
    title: string,
  ) {
    this.canvas = h("canvas", {
      class: "volume",
      tabindex: "0",
      role: "img",
      "aria-label": `Volume of case ${about.id}; the wheel scrolls through slices`,
    });
    this.where = h("div", { class: "scale" });
    this.element = h(
      "section",
      { class: "pane", "aria-label": title },
      this.canvas,
      this.over,
      this.where,
      title ? h("p", { class: "pane-title" }, title) : null,
    );
    this.nv = new Niivue({
      backColor: [0.04, 0.05, 0.06, 1],
      crosshairColor: [1, 0.65, 0.1, 0.9],
      dragAndDropEnabled: false,
      isColorbar: false,
      loadingText: "",
      dragMode: DRAG_MODE.none,
      isOrientationTextVisible: false,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      show3Dcrosshair: true,
      crosshairWidth: 0.4,
      crosshairWidthUnit: "percent",
      isRadiologicalConvention: true,
    });
    this.nv.onLocationChange = (data: unknown) => this.moved(data);
    const scene = this.nv.drawScene.bind(this.nv);
    this.nv.drawScene = () => {
      const said = scene();
      this.repaint();
      return said;
    };
    drawOn(this.over, {
      pen: () => this.pen,
      spot: (x, y) => this.spot(x, y),
      draft: (draft) => {
        this.draft = draft;
        this.repaint();
      },
    });
    this.element.addEventListener("pointerdown", (event) => this.grip(event), { capture: true });
    this.element.addEventListener("wheel", (event) => this.wheel(event), { capture: true, passive: false });
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("dblclick", (event) => {
      const sheet = this.under(event.offsetX, event.offsetY);
      if (sheet && view.layout === "large") this.planes("large", sheet.name);
    });
  }

  /** One plane a notch of the wheel, upwards to head, front and right; with Ctrl it zooms. */
  private wheel(event: WheelEvent): void {
    const box = this.element.getBoundingClientRect();
    const sheet = this.under(event.clientX - box.left, event.clientY - box.top);
    if (!sheet) return; // 3-D has a wheel of its own
    event.preventDefault();
    event.stopPropagation();
    if (event.ctrlKey) return this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2);
    this.turned += event.deltaY;
    if (Math.abs(this.turned) < NOTCH) return;
    this.along(sheet, this.turned < 0 ? 1 : -1);
    this.turned = 0;
  }

  /** Larger or smaller around the cross; 0 shows all of it. */
  zoom(times: number): void {
    const [x, y, z, old] = this.nv.scene.pan2Dxyzmm as unknown as [number, number, number, number];
    const now = times ? Math.min(20, Math.max(1, old * times)) : 1;
    const [mx, my, mz] = this.nv.frac2mm(this.nv.scene.crosshairPos) as unknown as [number, number, number];
    const change = old - now;
    const all = now === 1;
    this.nv.setPan2Dxyzmm(all ? [0, 0, 0, 1] : [x + change * mx, y + change * my, z + change * mz, now]);
    this.nv.sync();
  }

  /** Dragged with the right button: to the right wider, upwards brighter. */
  private grip(event: PointerEvent): void {
    const volume = this.nv.volumes[0];
    if (event.button !== 2 || !volume) return;
    event.stopPropagation();
    const [x, y, low, high] = [event.clientX, event.clientY, volume.cal_min ?? 0, volume.cal_max ?? 1];
    const whole = Math.max(high - low, ((volume.robust_max ?? 1) - (volume.robust_min ?? 0)) / 10);
    const step = whole / 300;
    const move = (now: PointerEvent): void => {
      const width = Math.max(step, high - low + (now.clientX - x) * step);
      const level = (low + high) / 2 + (now.clientY - y) * step;
      this.range(level - width / 2, level + width / 2);
    };
    const end = (): void => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
  }

  private shown(): Sheet[] {
    return sheets(this.nv, this.about.toSamples ?? []);
  }

  /** The plane at a place of the canvas. */
  private under(x: number, y: number): Sheet | undefined {
    return this.shown().find(
      ({ box }) => x >= box.left && y >= box.top && x <= box.left + box.width && y <= box.top + box.height,
    );
  }

  private spot(x: number, y: number): Spot | null {
    const mm = this.about.spacingUm?.map((um) => um / 1000) ?? [1, 1, 1];
    const sheet = this.under(x, y);
    if (!sheet) return null;
    const radii = mm.filter((_, axis) => axis !== sheet.axis).map((step) => this.pen.brush / step);
    const [zero, right, down] = [sheet.project(0, 0), sheet.project(1, 0), sheet.project(0, 1)];
    const long = (to: [number, number]): number => Math.hypot(to[0] - zero[0], to[1] - zero[1]);
    const seen: Spot["seen"] = [[0, 0], [1e6, 1e6]];
    const step: [number, number] = [long(down), long(right)];
    return { point: sheet.point(x, y), axis: sheet.axis, plane: sheet.index, radii, step, seen };
  }

  repaint(): void {
    const shown = this.shown();
    const [pen, chosen] = this.hidden ? [null, null] : [this.pen, this.chosen];
    paintSheets(this.over, shown, pen, this.draft, chosen, this.about.shape);
  }

  /** The pen has another tool now. */
  use(): void {
    this.over.classList.toggle("drawing", this.pen.tool !== "move");
    this.draft = null;
    this.repaint();
  }

  /** From black to white. */
  greys(): number {
    const volume = this.nv.volumes[0];
    return (volume?.cal_max ?? 1) - (volume?.cal_min ?? 0);
  }

  /** Move the cross to a plane. */
  toPlane(axis: number, plane: number): void {
    const place = this.cross();
    place[axis] = plane;
    this.to(inverse(this.about.toSamples ?? [], place));
  }

  private to(point: [number, number, number]): void {
    this.nv.scene.crosshairPos = this.nv.mm2frac(point);
    this.nv.updateGLVolume();
    this.nv.createOnLocationChange();
    this.nv.sync();
  }

  /** Load the image; the pane must be in the page by now. */
  async open(image: string): Promise<void> {
    await this.nv.attachToCanvas(this.canvas);
    this.slow = drawnByProcessor(this.nv.gl);
    await this.nv.loadVolumes([
      { url: api.volume(this.about.id, image, this.slow), name: `${image}.nii.gz`, colormap: "gray" },
    ]);
    this.planes(view.layout || "large", view.hero);
    if (view.window) this.range(...view.window);
    else if (this.isCt()) this.window("mediastinum");
    this.nv.createOnLocationChange();
  }

  /** In Hounsfield units: the file says so, or it holds air. */
  isCt(): boolean {
    const low = this.nv.volumes[0]?.global_min ?? 0;
    return this.about.units === "HU" || (low <= -900 && low >= -4096);
  }

  window(name: string): void {
    const [level, width] = WINDOWS[name]!;
    this.range(level - width / 2, level + width / 2);
  }

  range(low: number, high: number): void {
    const volume = this.nv.volumes[0];
    if (!volume) return;
    volume.cal_min = low;
    volume.cal_max = high;
    this.nv.updateGLVolume();
    this.windowed(low, high);
  }

  /** Darkest and brightest value that are told apart. */
  levels(): [number, number] {
    const volume = this.nv.volumes[0];
    return [volume?.cal_min ?? 0, volume?.cal_max ?? 1];
  }

  automatic(): void {
    const volume = this.nv.volumes[0];
    if (volume) this.range(volume.robust_min ?? 0, volume.robust_max ?? 1);
  }

  planes(layout: string, hero = view.hero): void {
    Object.assign(view, { layout, hero });
    const others = PLANES.filter((name) => name !== hero);
    // Drawn by a processor, 3-D comes only when it is asked for.
    const small = layout === "large" && !this.slow ? [...others, "3-D"] : others;
    const tiles: Record<string, [string, number, number, number, number][]> = {
      large: [
        [hero, 0, 0, 0.7, 1],
        ...small.map((name, k): [string, number, number, number, number] =>
          [name, 0.7, k / small.length, 0.3, 1 / small.length]),
      ],
      all: ["axial", "coronal", "sagittal", "3-D"].map((name, k) =>
        [name, (k % 2) / 2, Math.floor(k / 2) / 2, 0.5, 0.5]),
      three: PLANES.map((name, k) => [name, k / 3, 0, 1 / 3, 1]),
    };
    const wanted = tiles[layout]?.map(([name, ...position]): Tile => ({ sliceType: KINDS[name]!, position }));
    if (!wanted) this.nv.clearCustomLayout();
    this.nv.setSliceType(KINDS[layout] ?? SLICE_TYPE.MULTIPLANAR);
    if (wanted) this.nv.setCustomLayout(wanted);
    this.nv.drawScene();
  }

  /** Go through the planes of the large view; around the end where it `turns`. */
  step(by: number, turns = false): void {
    const shown = this.shown();
    const sheet = shown.find(({ name }) => name === view.hero) ?? shown[0];
    if (!sheet) return;
    this.along(sheet, by, turns);
  }

  private along(sheet: Sheet, by: number, turns = false): void {
    const row = this.about.toSamples?.[sheet.axis]?.slice(0, 3) ?? [1];
    const way = Math.sign(row.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)));
    const count = this.about.shape[sheet.axis]!;
    const next = sheet.index + by * way;
    this.toPlane(sheet.axis, turns ? (next + count) % count : Math.min(count - 1, Math.max(0, next)));
  }

  /** One plane after the other, or not any more; whether it plays now. */
  play(): boolean {
    if (this.playing) window.clearInterval(this.playing);
    this.playing = this.playing ? 0 : window.setInterval(() => this.step(1, true), FRAME);
    return this.playing > 0;
  }

  destroy(): void {
    if (this.playing) this.play();
  }

  /** Lay a layer over the image, or take it away: one after the other, as they were asked. */
  fill(layer: Layer, on: boolean): Promise<void> {
    const done = this.filling.then(() => this.lay(layer, on));
    this.filling = done.catch(() => undefined);
    return done;
  }

  private async lay(layer: Layer, on: boolean): Promise<void> {
    const place = this.order.indexOf(layer.id);
    if (!on) {
      if (place < 0) return;
      this.nv.removeVolume(this.nv.volumes[place + 1]!);
      this.order.splice(place, 1);
      return;
    }
    if (place >= 0) return;
    await this.nv.addVolumeFromUrl({
      url: api.layerVolume(this.about.id, layer.id, this.slow),
      name: `${layer.id}.nii.gz`,
      colormap: layer.kind === "codes" ? "gray" : this.heatFrom(layer.id, layer.thresholds[0] ?? 1),
      opacity: this.hidden ? 0 : this.opacity,
      cal_min: 0,
      cal_max: layer.kind === "codes" ? Math.max(1, layer.classes.length) : 255,
    });
    this.order.push(layer.id);
    const volume = this.nv.volumes[this.nv.volumes.length - 1]!;
    if (layer.kind === "codes") {
      volume.setColormapLabel({
        R: [0, ...layer.colours.map((c) => c[0])],
        G: [0, ...layer.colours.map((c) => c[1])],
        B: [0, ...layer.colours.map((c) => c[2])],
        A: [0, ...layer.colours.map(() => 255)],
        I: [0, ...layer.colours.map((_, k) => k + 1)],
        labels: ["", ...layer.classes],
      });
    }
    this.nv.updateGLVolume();
  }

  /** A layer has another colour now: it is laid anew. */
  recolour(layer: Layer): void {
    if (!this.order.includes(layer.id)) return;
    void this.fill(layer, false).then(() => this.fill(layer, true));
  }

  setOpacity(value: number): void {
    this.opacity = value;
    this.order.forEach((_, k) => this.nv.setOpacity(k + 1, this.hidden ? 0 : value));
  }

  setThreshold(id: string, value: number): void {
    const volume = this.nv.volumes[this.order.indexOf(id) + 1];
    if (!volume || this.order.indexOf(id) < 0) return;
    volume.colormap = this.heatFrom(id, value);
    this.nv.updateGLVolume();
  }

  /** Colours of a heat map, clear below a threshold; a colour means the same at each of them. */
  private heatFrom(id: string, threshold: number): string {
    const name = `${HEAT}_${id}_${Math.round(threshold)}`;
    this.nv.addColormap(name, ramp(Math.max(1, Math.round(threshold))));
    return name;
  }

  outlineOnly(on: boolean): void {
    this.nv.setAtlasOutline(on ? 1 : 0);
  }

  hide(hidden: boolean): void {
    this.hidden = hidden;
    this.setOpacity(this.opacity);
    this.repaint();
  }

  goTo(found: Finding): void {
    this.chosen = found;
    if (!found.point) return;
    this.to(found.point);
  }

  /** Where the cross is: index in array order, in samples of the stored image. */
  cross(): number[] {
    const [x, y, z] = this.place;
    return (this.about.toSamples ?? []).map((row) => row[0]! * x + row[1]! * y + row[2]! * z + row[3]!);
  }

  private moved(data: unknown): void {
    const { values, mm } = data as { values?: { value: number }[]; mm?: number[] };
    const sides = [["R", "L"], ["A", "P"], ["S", "I"]] as const;
    const words = sides.map(([more, less], k) => {
      const v = mm?.[k] ?? 0;
      return `${v < 0 ? less : more} ${Math.abs(v).toFixed(1)}`;
    });
    const value = values?.[0]?.value;
    const unit = this.isCt() ? `${value?.toFixed(0)} HU` : `value ${digits(value ?? 0)}`;
    this.where.textContent = `${words.join("  ")} mm${value === undefined ? "" : ` · ${unit}`}`;
    if (mm) this.place = [mm[0]!, mm[1]!, mm[2]!];
  }
}

/** The place, in mm of the page, of an index in array order (Cramer's rule). */
function inverse(rows: number[][], index: number[]): [number, number, number] {
  const det = (m: number[][]): number =>
    m[0]![0]! * (m[1]![1]! * m[2]![2]! - m[1]![2]! * m[2]![1]!) -
    m[0]![1]! * (m[1]![0]! * m[2]![2]! - m[1]![2]! * m[2]![0]!) +
    m[0]![2]! * (m[1]![0]! * m[2]![1]! - m[1]![1]! * m[2]![0]!);
  const right = rows.map((row, k) => index[k]! - row[3]!);
  const whole = det(rows);
  return [0, 1, 2].map(
    (k) => det(rows.map((row, r) => row.map((v, c) => (c === k ? right[r]! : v)))) / whole,
  ) as [number, number, number];
}

export function link(panes: VolumePane[]): void {
  for (const pane of panes) {
    pane.nv.broadcastTo(
      panes.filter((other) => other !== pane).map((other) => other.nv),
      { "2d": true, "3d": true },
    );
  }
}

/** Whether there is no graphics card at work; browsers hide its name in different places. */
function drawnByProcessor(gl: WebGL2RenderingContext): boolean {
  let name = String(gl.getParameter(gl.RENDERER));
  const more = name.includes("WebKit") && gl.getExtension("WEBGL_debug_renderer_info");
  if (more) name = String(gl.getParameter(more.UNMASKED_RENDERER_WEBGL));
  return /swiftshader|llvmpipe|softpipe|basic render|software/i.test(name);
}

/** Anchors of the colours from `first` of 255 on; what lies below is clear. */
function ramp(first: number): { R: number[]; G: number[]; B: number[]; A: number[]; I: number[] } {
  const stops = STOPS.map((_, k) => Math.round((255 * k) / (STOPS.length - 1)));
  const shown = [first, ...stops.filter((v) => v > first)];
  const places = [0, first - 1, ...shown].filter((v, k, all) => k === 0 || v > all[k - 1]!);
  const colours = places.map((v) => heat(v / 255));
  return {
    R: colours.map((c) => c[0]),
    G: colours.map((c) => c[1]),
    B: colours.map((c) => c[2]),
    A: places.map((v) => (v < first ? 0 : 255)),
    I: places,
  };
}
