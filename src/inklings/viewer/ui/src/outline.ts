/** Contours, corrections and what is being drawn: vectors over the image, redrawn as it moves. */

import type { Correction, Finding, Outlines, Shape } from "./types";

export interface Contour {
  outlines: Outlines;
  colour: string;
  dashed: boolean;
}

/** Image pixels (from the outer corner) to pixels of the page. */
export type Project = (x: number, y: number) => [number, number];

export const IS = "#0fa37f";
export const IS_NOT = "#d55e00";

export function paint(
  canvas: HTMLCanvasElement,
  project: Project,
  contours: Iterable<Contour>,
  corrections: readonly Correction[],
  draft: { shape: Shape; positive: boolean } | null,
  chosen: Finding | null,
): void {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.lineJoin = "round";
  pen.lineCap = "round";
  for (const contour of contours) drawContour(pen, project, contour, width, height);
  for (const correction of corrections) {
    if (!correction.shape) continue;
    const positive = correction.action === "is" || correction.action === "accept";
    drawShape(pen, project, correction.shape, positive);
  }
  if (draft) drawShape(pen, project, draft.shape, draft.positive);
  if (chosen) drawChosen(pen, project, chosen);
}

function drawContour(
  pen: CanvasRenderingContext2D,
  project: Project,
  contour: Contour,
  width: number,
  height: number,
): void {
  const path = new Path2D();
  for (const feature of contour.outlines.features) {
    for (const ring of feature.geometry.coordinates) {
      const points = ring.map(([x, y]) => project(x, y));
      if (outside(points, width, height)) continue;
      points.forEach(([x, y], k) => (k ? path.lineTo(x, y) : path.moveTo(x, y)));
      path.closePath();
    }
  }
  pen.setLineDash([]);
  pen.strokeStyle = "rgba(0, 0, 0, 0.55)";
  pen.lineWidth = 3.4;
  pen.stroke(path);
  pen.setLineDash(contour.dashed ? [6, 5] : []);
  pen.strokeStyle = contour.colour;
  pen.lineWidth = 1.8;
  pen.stroke(path);
}

function outside(points: [number, number][], width: number, height: number): boolean {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right < 0 || left > width || bottom < 0 || top > height;
}

/** Shapes count samples by their centres: half a pixel off the outer corner. */
function drawShape(
  pen: CanvasRenderingContext2D,
  project: Project,
  shape: Shape,
  positive: boolean,
): void {
  const points = shape.points.map(([y, x]) => project(x! + 0.5, y! + 0.5));
  const colour = positive ? IS : IS_NOT;
  pen.setLineDash(positive ? [] : [7, 4]);
  pen.strokeStyle = colour;
  pen.fillStyle = positive ? "rgba(15, 163, 127, 0.28)" : "rgba(213, 94, 0, 0.28)";
  pen.lineWidth = 2.2;
  pen.beginPath();
  if (shape.kind === "stroke") {
    const radius = scale(project) * shape.radii[0]!;
    pen.setLineDash([]);
    pen.lineWidth = Math.max(2, 2 * radius);
    pen.strokeStyle = positive ? "rgba(15, 163, 127, 0.5)" : "rgba(213, 94, 0, 0.5)";
    points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (points.length === 1) pen.lineTo(points[0]![0] + 0.01, points[0]![1]);
    pen.stroke();
    return;
  }
  if (shape.kind === "ball") {
    const [x, y] = points[0]!;
    const [ry, rx] = shape.radii.slice(-2).map((r) => r * scale(project));
    pen.ellipse(x, y, rx!, ry!, 0, 0, 2 * Math.PI);
  } else {
    points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
  }
  pen.fill();
  pen.stroke();
}

function drawChosen(pen: CanvasRenderingContext2D, project: Project, found: Finding): void {
  const [y, x] = found.centre.slice(-2);
  const [ry, rx] = found.radii.slice(-2).map((r) => r * scale(project) + 6);
  const [px, py] = project(x! + 0.5, y! + 0.5);
  pen.setLineDash([]);
  for (const [colour, wide] of [["#000", 4], ["#fff", 2]] as const) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.strokeRect(px - rx!, py - ry!, 2 * rx!, 2 * ry!);
  }
}

function scale(project: Project): number {
  const [a, b] = [project(0, 0), project(1, 0)];
  return Math.hypot(b[0] - a[0], b[1] - a[1]);
}
