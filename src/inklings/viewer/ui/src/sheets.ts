/** The planes of a volume on the screen: where a sample is, and what is under the pointer. */

import type { Niivue } from "@niivue/niivue";
import { cutMask } from "./mask";
import type { Draft, Pen } from "./draw";
import { drawShape, fit, lookOf, type Project } from "./outline";
import type { Finding, Shape } from "./types";

/** One plane, as it lies on the canvas; lengths are pixels of the page. */
export interface Sheet {
  /** Axial, coronal or sagittal. */
  name: string;
  /** Array axis that stands upright on it. */
  axis: number;
  /** Which plane of that axis is shown. */
  index: number;
  box: { left: number; top: number; width: number; height: number };
  /** From the other two coordinates (second, first; from the outer corner) to the canvas. */
  project: Project;
  /** From the canvas to the other two coordinates, by the centres of samples. */
  point(x: number, y: number): [number, number];
}

type Vector = [number, number, number];

export const PLANES = ["axial", "coronal", "sagittal"];
/** What lies above, below, left and right; the right of a patient is on the left of the page. */
const LETTERS: Record<string, string> = { axial: "APRL", coronal: "SIRL", sagittal: "SIPA" };

/** What planes along an array axis are called in the patient. */
export function planeName(toSamples: readonly number[][], axis: number): string {
  const way = (toSamples[axis] ?? []).slice(0, 3).map(Math.abs);
  return PLANES[2 - way.indexOf(Math.max(...way))] ?? `axis ${axis}`;
}

/** The planes that are shown now. `toSamples` takes millimetres of the page to an index. */
export function sheets(nv: Niivue, toSamples: number[][]): Sheet[] {
  const ratio = nv.uiData.dpr ?? window.devicePixelRatio ?? 1;
  const found: Sheet[] = [];
  nv.screenSlices.forEach((slice, number) => {
    if (slice.axCorSag > 2 || slice.AxyzMxy.length < 4) return;
    const [x, y, wide, height] = slice.leftTopWidthHeight as [number, number, number, number];
    const [left, width] = wide < 0 ? [x + wide, -wide] : [x, wide];
    const at = (fx: number, fy: number): Vector => {
      const part = nv.screenXY2TextureFrac(left + fx * width, y + fy * height, number, false);
      const [mx, my, mz] = nv.frac2mm(part, 0, true) as unknown as Vector;
      return toSamples.map((row) => row[0]! * mx + row[1]! * my + row[2]! * mz + row[3]!) as Vector;
    };
    const box = { left: left / ratio, top: y / ratio, width: width / ratio, height: height / ratio };
    const sheet = upright(at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), box);
    if (sheet) found.push({ ...sheet, name: PLANES[slice.axCorSag]! });
  });
  return found;
}

/** From the samples under three corners of the middle half of a plane. */
function upright(zero: Vector, right: Vector, down: Vector, box: Sheet["box"]): Omit<Sheet, "name"> | null {
  const [start, across, along] = [
    { x: box.left + box.width / 4, y: box.top + box.height / 4 },
    right.map((v, k) => (v - zero[k]!) / (box.width / 2)),
    down.map((v, k) => (v - zero[k]!) / (box.height / 2)),
  ];
  const moves = [0, 1, 2].map((k) => Math.abs(across[k]!) + Math.abs(along[k]!));
  const axis = moves.indexOf(Math.min(...moves));
  const [p, q] = [0, 1, 2].filter((k) => k !== axis) as [number, number];
  const scale = across[p]! * along[q]! - along[p]! * across[q]!;
  if (!Number.isFinite(scale) || scale === 0) return null;
  return {
    axis,
    index: Math.round(zero[axis]!),
    box,
    project: (b, a) => {
      const [da, db] = [a - 0.5 - zero[p]!, b - 0.5 - zero[q]!];
      return [
        start.x + (da * along[q]! - db * along[p]!) / scale,
        start.y + (db * across[p]! - da * across[q]!) / scale,
      ];
    },
    point: (x, y) => {
      const [dx, dy] = [x - start.x, y - start.y];
      return [
        zero[p]! + dx * across[p]! + dy * along[p]!,
        zero[q]! + dx * across[q]! + dy * along[q]!,
      ];
    },
  };
}

/** Corrections and the chosen finding, on each plane what lies in it. */
export function paintSheets(
  canvas: HTMLCanvasElement,
  shown: readonly Sheet[],
  pen: Pen | null,
  draft: Draft | null,
  chosen: Finding | null,
  shape: readonly number[],
): void {
  const ink = fit(canvas);
  if (!ink) return;
  for (const sheet of shown) {
    const { left, top, width, height } = sheet.box;
    ink.save();
    ink.beginPath();
    ink.rect(left, top, width, height);
    ink.clip();
    for (const made of pen?.corrections ?? []) {
      const cut = made.shape && cutBy(made.shape, sheet);
      if (cut) drawShape(ink, sheet.project, cut, lookOf(made, pen!));
    }
    for (const drawn of [pen?.result, draft]) {
      const cut = drawn && cutBy(drawn.shape, sheet);
      if (cut) drawShape(ink, sheet.project, cut, drawn);
    }
    const ball = chosen && cutBy({ kind: "ball", points: [chosen.centre], radii: chosen.radii }, sheet);
    if (ball) drawShape(ink, sheet.project, ball, { positive: null });
    write(ink, sheet, shape[sheet.axis]!);
    ink.restore();
  }
}

/** Letters of the four sides, and which plane it is. */
function write(ink: CanvasRenderingContext2D, sheet: Sheet, count: number): void {
  const { left, top, width, height } = sheet.box;
  const [above, below, first, second] = LETTERS[sheet.name]!.split("") as [string, string, string, string];
  const title = sheet.name[0]!.toUpperCase() + sheet.name.slice(1);
  const words = width < 190 ? `${sheet.index + 1} / ${count}` : `${title} ${sheet.index + 1} / ${count}`;
  const middle = top + height / 2 + (height < 120 ? 14 : -8); // beside the cross, below the title
  const places: [string, number, number, CanvasTextAlign][] = [
    [words, left + 8, top + 17, "left"],
    [above, left + width / 2 + 12, top + 17, "center"],
    [below, left + width / 2 + 12, top + height - 8, "center"],
    [first, left + 8, middle, "left"],
    [second, left + width - 8, middle, "right"],
  ];
  ink.setLineDash([]);
  ink.font = "600 13px system-ui, sans-serif";
  ink.lineWidth = 3.5;
  ink.strokeStyle = "rgba(0, 0, 0, 0.8)";
  ink.fillStyle = "#fff";
  for (const [text, x, y, align] of places) {
    ink.textAlign = align;
    ink.strokeText(text, x, y);
    ink.fillText(text, x, y);
  }
  ink.textAlign = "left";
}

/** What of a shape lies in a plane; null for nothing. */
function cutBy(shape: Shape, sheet: Sheet): Shape | null {
  const { axis, index } = sheet;
  if (shape.kind === "mask") return cutMask(shape, axis, index);
  if (shape.kind !== "ball") {
    return shape.plane === index && (shape.axis ?? 0) === axis ? shape : null;
  }
  const [centre, radii] = [shape.points[0]!, shape.radii.map((r) => Math.max(r, 0.5))];
  const share = 1 - ((index - centre[axis]!) / radii[axis]!) ** 2;
  if (share <= 0) return null;
  const rest = [0, 1, 2].filter((k) => k !== axis);
  return {
    kind: "ball",
    points: [rest.map((k) => centre[k]!)],
    radii: rest.map((k) => radii[k]! * Math.sqrt(share)),
  };
}
