/** Numbers about shapes: distances, what lies inside, lengths and areas, in words. */

import { covers, cutMask } from "./mask";
import type { Spot } from "./draw";
import type { Shape } from "./types";

type Two = readonly [number, number];

/** How far two points are apart, with the size of a sample along both axes. */
export const distance = (a: readonly number[], b: readonly number[], size: Two): number =>
  Math.hypot((a[0]! - b[0]!) * size[0], (a[1]! - b[1]!) * size[1]);

/** Fewer points that look the same to half a pixel (Douglas and Peucker 1973). */
export function thinned(points: number[][], step: Two, least = 0.5): number[][] {
  if (points.length < 4) return points;
  const keep = new Set([0, points.length - 1]);
  const open: [number, number][] = [[0, points.length - 1]];
  for (let part = open.pop(); part; part = open.pop()) {
    const [a, b] = [points[part[0]]!, points[part[1]]!];
    let [far, at] = [least, 0];
    for (let k = part[0] + 1; k < part[1]; k++) {
      const off = beside(points[k]!, a, b, step);
      if (off > far) [far, at] = [off, k];
    }
    if (!at) continue;
    keep.add(at);
    open.push([part[0], at], [at, part[1]]);
  }
  const kept = points.filter((_, k) => keep.has(k));
  return kept.length > 2 ? kept : points;
}

/** How far a point is from the line between two others. */
function beside(p: number[], a: number[], b: number[], step: Two): number {
  const [dy, dx] = [(b[0]! - a[0]!) * step[0], (b[1]! - a[1]!) * step[1]];
  const [py, px] = [(p[0]! - a[0]!) * step[0], (p[1]! - a[1]!) * step[1]];
  const long = dx * dx + dy * dy;
  const share = long ? Math.min(1, Math.max(0, (py * dy + px * dx) / long)) : 0;
  return Math.hypot(py - share * dy, px - share * dx);
}

/** Whether a place lies in a shape. */
export function inside(shape: Shape, spot: Spot): boolean {
  const [y, x] = spot.point;
  if (shape.kind === "mask") {
    const flat = spot.plane === undefined ? shape : cutMask(shape, spot.axis!, spot.plane);
    return flat !== null && covers(flat, y, x);
  }
  if (shape.kind === "ball") {
    const place = [...spot.point];
    if (spot.plane !== undefined) place.splice(spot.axis!, 0, spot.plane);
    return place.reduce((sum, v, k) => sum + ((v - shape.points[0]![k]!) / shape.radii[k]!) ** 2, 0) <= 1;
  }
  if (shape.kind === "stroke") {
    const radii = [shape.radii[0]!, shape.radii[shape.radii.length - 1]!];
    const size: Two = [1 / radii[0]!, 1 / radii[1]!];
    return shape.points.some((p, k, all) => beside([y, x], all[k - 1] ?? p, p, size) <= 1);
  }
  let odd = false;
  shape.points.forEach(([ay, ax], k, all) => {
    const [by, bx] = all[(k + 1) % all.length]!;
    if (ay! > y !== by! > y && x < ax! + ((y - ay!) / (by! - ay!)) * (bx! - ax!)) odd = !odd;
  });
  return odd;
}

/** Three digits, never a power of ten. */
export function digits(value: number): string {
  const places = value >= 100 || value === 0 ? 0 : Math.min(4, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { maximumFractionDigits: Math.max(0, places) });
}

/** A length in words: of micrometres, or of samples where their size is not known. */
export function longWords(length: number, known: boolean): string {
  if (!known) return `${digits(length)} px`;
  return length >= 1000 ? `${digits(length / 1000)} mm` : `${digits(length)} µm`;
}

/** An area (`axes` 2) or volume (3) in words: of mm, or of samples. */
export function contentWords(content: number, axes: number, known: boolean): string {
  const power = axes === 3 ? "³" : "²";
  if (!known) return `${digits(content)} px${power}`;
  if (axes === 2 && content < 0.01) return `${digits(content * 1e6)} µm²`;
  return `${digits(content)} mm${power}`;
}
