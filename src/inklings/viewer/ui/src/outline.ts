/** Contours, corrections and what is being drawn: vectors over the image, redrawn as it moves. */

import { css } from "./dom";
import { rings } from "./mask";
import { heat } from "./tint";
import type { Correction, Finding, Outlines, Shape } from "./types";

export interface Contour {
  outlines: Outlines;
  colour: string;
  dashed: boolean;
}

/** Tiles with what a model says of each: first row, first column, height, width; 0 to 1. */
export interface Evidence {
  boxes: readonly number[][];
  values: readonly number[];
  threshold: number;
  opacity: number;
}

/** Image pixels (from the outer corner) to pixels of the page. */
export type Project = (x: number, y: number) => [number, number];

export interface Scene {
  evidence: Evidence | null;
  contours: Iterable<Contour>;
  corrections: readonly Correction[];
  draft: { shape: Shape; positive: boolean } | null;
  chosen: Finding | null;
}

const IS = "#0fa37f";
const IS_NOT = "#d55e00";
const CORNERS = 48; // of a ball

/** A clean canvas as large as it is shown. */
export function fit(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.lineJoin = "round";
  pen.lineCap = "round";
  return pen;
}

export function paint(canvas: HTMLCanvasElement, project: Project, scene: Scene): void {
  const pen = fit(canvas);
  if (!pen) return;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (scene.evidence) drawEvidence(pen, project, scene.evidence, width, height);
  for (const contour of scene.contours) drawContour(pen, project, contour, width, height);
  for (const correction of scene.corrections) {
    if (!correction.shape) continue;
    const positive = correction.action === "is" || correction.action === "accept";
    drawShape(pen, project, correction.shape, positive);
  }
  if (scene.draft) drawShape(pen, project, scene.draft.shape, scene.draft.positive);
  if (scene.chosen) drawChosen(pen, project, scene.chosen);
}

function drawEvidence(
  pen: CanvasRenderingContext2D,
  project: Project,
  { boxes, values, threshold, opacity }: Evidence,
  width: number,
  height: number,
): void {
  pen.globalAlpha = opacity;
  boxes.forEach(([y, x, high, wide], k) => {
    if (values[k]! < threshold) return;
    const [left, top] = project(x!, y!);
    const [right, bottom] = project(x! + wide!, y! + high!);
    if (right < 0 || bottom < 0 || left > width || top > height) return;
    pen.fillStyle = css(heat(values[k]!));
    pen.fillRect(left, top, Math.max(1, right - left - 0.5), Math.max(1, bottom - top - 0.5));
  });
  pen.globalAlpha = 1;
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
export function drawShape(
  pen: CanvasRenderingContext2D,
  project: Project,
  shape: Shape,
  positive: boolean | null,
): void {
  const lines = shape.kind === "mask" ? rings(shape) : [corners(shape)];
  const tint = positive === null ? null : positive ? "15, 163, 127" : "213, 94, 0";
  pen.setLineDash(positive === false ? [7, 4] : []);
  pen.strokeStyle = positive === null ? "#fff" : positive ? IS : IS_NOT;
  pen.fillStyle = tint ? `rgba(${tint}, 0.28)` : "transparent";
  pen.lineWidth = 2.2;
  pen.beginPath();
  for (const line of lines) {
    const points = line.map(([y, x]) => project(x! + 0.5, y! + 0.5));
    points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (points.length === 1) pen.lineTo(points[0]![0] + 0.01, points[0]![1]);
    if (shape.kind !== "stroke") pen.closePath();
  }
  if (shape.kind === "stroke") {
    pen.setLineDash([]);
    pen.lineWidth = Math.max(2, 2 * scale(project) * shape.radii[shape.radii.length - 1]!);
    pen.strokeStyle = `rgba(${tint}, 0.5)`;
    pen.stroke();
    return;
  }
  pen.fill("evenodd");
  pen.stroke();
}

/** The points of a shape in its plane; of a ball those of its edge. */
function corners(shape: Shape): number[][] {
  if (shape.kind !== "ball") return shape.points;
  const [[y, x], [ry, rx]] = [shape.points[0]!.slice(-2), shape.radii.slice(-2)];
  return Array.from({ length: CORNERS }, (_, k) => {
    const turn = (k / CORNERS) * 2 * Math.PI;
    return [y! + ry! * Math.sin(turn), x! + rx! * Math.cos(turn)];
  });
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
