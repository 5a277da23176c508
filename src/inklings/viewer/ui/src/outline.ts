/** Contours, corrections and what is being drawn: vectors over the image, redrawn as it moves. */

import { css } from "./dom";
import type { Draft, Pen } from "./draw";
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
  /** What was drawn; null while it is hidden. */
  pen: Pen | null;
  draft: Draft | null;
  chosen: Finding | null;
}

const CORNERS = 48; // of a ball
/** Pixels of the page from which a tile has room for its score. */
export const LEGIBLE = 36;

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
  for (const made of scene.pen?.corrections ?? []) {
    if (made.shape) drawShape(pen, project, made.shape, lookOf(made, scene.pen!));
  }
  for (const draft of [scene.pen?.result, scene.draft]) {
    if (draft) drawShape(pen, project, draft.shape, draft);
  }
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
    if (right - left < LEGIBLE) return;
    pen.globalAlpha = 1;
    score(pen, values[k]!, left + 4, bottom - 6);
    pen.globalAlpha = opacity;
  });
  pen.globalAlpha = 1;
}

/** A number that is read on any ground. */
export function score(pen: CanvasRenderingContext2D, value: number, x: number, y: number): void {
  pen.font = "600 11px system-ui, sans-serif";
  pen.lineWidth = 3;
  pen.strokeStyle = "rgba(0, 0, 0, 0.8)";
  pen.fillStyle = "#fff";
  pen.strokeText(value.toFixed(2), x, y);
  pen.fillText(value.toFixed(2), x, y);
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
  pen.strokeStyle = "rgba(0, 0, 0, 0.8)";
  pen.lineWidth = 4.4;
  pen.stroke(path);
  pen.setLineDash(contour.dashed ? [7, 5] : []);
  pen.strokeStyle = contour.colour;
  pen.lineWidth = 2.2;
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

/** How a shape is drawn. */
export interface Look {
  /** What it says; null where it says nothing. */
  positive: boolean | null;
  /** Of the class: red, green and blue with commas; none where there is one class. */
  colour?: string | undefined;
  selected?: boolean;
  open?: boolean;
  words?: string;
}

export function lookOf(made: Correction, pen: Pen): Look {
  return {
    positive: made.action === "is" || made.action === "accept",
    colour: pen.colour(made.name),
    selected: pen.selected.has(made.id),
  };
}

/** Shapes count samples by their centres: half a pixel off the outer corner. */
export function drawShape(
  pen: CanvasRenderingContext2D,
  project: Project,
  shape: Shape,
  { positive, colour, selected, open, words }: Look,
): void {
  const lines = shape.kind === "mask" ? rings(shape) : [corners(shape)];
  const said = positive ? (colour ?? "15, 163, 127") : "213, 94, 0";
  const tint = positive === null ? "255, 255, 255" : said;
  const edge = `rgb(${colour ?? tint})`;
  const thick = shape.kind === "stroke" ? Math.max(2, 2 * scale(project) * shape.radii.at(-1)!) : 2.2;
  pen.setLineDash(positive === false ? [7, 4] : []);
  pen.strokeStyle = edge;
  pen.fillStyle = positive === null ? "transparent" : `rgba(${tint}, 0.28)`;
  pen.lineWidth = thick;
  const path = new Path2D();
  let end: [number, number] = [0, 0];
  for (const line of lines) {
    const points = line.map(([y, x]) => project(x! + 0.5, y! + 0.5));
    points.forEach(([x, y], k) => (k ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (points.length === 1) path.lineTo(points[0]![0] + 0.01, points[0]![1]);
    if (shape.kind !== "stroke" && !open) path.closePath();
    end = points.at(-1) ?? end;
    if ((selected || open) && shape.kind === "polygon") grips(path, points);
  }
  if (shape.kind === "stroke") {
    pen.setLineDash([]);
    pen.strokeStyle = `rgba(${tint}, ${selected ? 0.75 : 0.5})`;
    if (positive === null && words) edged(pen, path, "#fff");
    else pen.stroke(path);
  } else if (positive === null) edged(pen, path, "#fff");
  else {
    pen.fill(path, "evenodd");
    if (selected) {
      pen.lineWidth = thick + 3;
      pen.strokeStyle = "#fff";
      pen.stroke(path);
      pen.lineWidth = thick;
      pen.strokeStyle = edge;
    }
    pen.stroke(path);
  }
  if (words) label(pen, words, end);
}

/** Corners that can be taken hold of. */
function grips(path: Path2D, points: readonly [number, number][]): void {
  for (const [x, y] of points) path.rect(x - 3, y - 3, 6, 6);
}

/** A thin line that is seen on bright and dark ground. */
function edged(pen: CanvasRenderingContext2D, path: Path2D, colour: string): void {
  for (const [paint, wide] of [["rgba(0, 0, 0, 0.7)", 4], [colour, 1.8]] as const) {
    pen.strokeStyle = paint;
    pen.lineWidth = wide;
    pen.stroke(path);
  }
}

function label(pen: CanvasRenderingContext2D, words: string, [x, y]: [number, number]): void {
  pen.font = "600 13px system-ui, sans-serif";
  const wide = pen.measureText(words).width;
  pen.fillStyle = "rgba(0, 0, 0, 0.75)";
  pen.fillRect(x + 8, y - 10, wide + 12, 22);
  pen.fillStyle = "#fff";
  pen.fillText(words, x + 14, y + 5);
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
