/** Drawing with the pointer: outlines and strokes, in samples of a plane. */

import type { Shape } from "./types";

export type Tool = "move" | "polygon" | "brush";

/** A place under the pointer. */
export interface Spot {
  /** The two coordinates in the plane, array order; a whole number is the centre of a sample. */
  point: [number, number];
  /** Planes of volumes: on which array axis, and which. */
  axis?: number;
  plane?: number;
  /** Radii of the brush there, in samples. */
  radii: number[];
}

export interface Board {
  tool(): Tool;
  /** What is under a place of the canvas, in pixels of the page; null outside the image. */
  spot(x: number, y: number): Spot | null;
  /** Something is being drawn, or is not any more. */
  draft(shape: Shape | null): void;
  done(shape: Shape): void;
}

const STEP = 2; // pixels of the page between two points

export function drawOn(canvas: HTMLCanvasElement, board: Board): void {
  let pointer: number | null = null;
  let shape: Shape | null = null;
  let last: [number, number] = [0, 0];
  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    last = place(event);
    const spot = board.spot(...last);
    const tool = board.tool();
    if (tool === "move" || !spot || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    shape =
      tool === "brush"
        ? { kind: "stroke", points: [spot.point], radii: spot.radii }
        : { kind: "polygon", points: [spot.point], radii: [] };
    if (spot.plane !== undefined) Object.assign(shape, { plane: spot.plane, axis: spot.axis });
    board.draft(shape);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer || !shape) return;
    const now = place(event);
    const spot = board.spot(...now);
    const elsewhere = !spot || spot.plane !== (shape.plane ?? undefined) || spot.axis !== shape.axis;
    if (elsewhere || Math.hypot(now[0] - last[0], now[1] - last[1]) < STEP) return;
    last = now;
    shape.points.push(spot.point);
    board.draft(shape);
  });
  const end = (event: PointerEvent): void => {
    if (event.pointerId !== pointer) return;
    const made = shape;
    pointer = shape = null;
    board.draft(null);
    if (made && (made.kind === "stroke" || made.points.length > 2)) board.done(made);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}
