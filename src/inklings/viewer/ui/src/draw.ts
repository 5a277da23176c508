/** Drawing with the pointer: outlines by clicks or by hand, strokes, vertices, in samples of a plane. */

import { distance, inside, thinned } from "./shapes";
import type { Correction, Shape } from "./types";

export type Tool =
  | "move" | "select" | "polygon" | "brush" | "eraser" | "wand" | "cut" | "length" | "region";

/** A place under the pointer. */
export interface Spot {
  /** The two coordinates in the plane, array order; a whole number is the centre of a sample. */
  point: [number, number];
  /** Planes of volumes: on which array axis, and which. */
  axis?: number;
  plane?: number;
  /** Radii of the brush there, in samples. */
  radii: number[];
  /** Pixels of the page that a sample takes, an axis each. */
  step: [number, number];
  /** First and last coordinates of what is seen of the plane. */
  seen: [[number, number], [number, number]];
}

/** What is being drawn: how it is to look. */
export interface Draft {
  shape: Shape;
  /** What it says; null where it says nothing. */
  positive: boolean | null;
  /** Not closed yet. */
  open?: boolean;
  words?: string;
}

/** What all panes of a case draw with, and what was drawn. */
export class Pen {
  tool: Tool = "move";
  positive = true;
  /** Radius of the brush: pixels of the page, mm of a volume. */
  brush = 12;
  corrections: readonly Correction[] = [];
  readonly selected = new Set<string>();
  /** What was measured last. */
  result: Draft | null = null;
  /** An outline whose corners are being clicked. */
  pending: { close(): void; drop(): void; back(): void } | null = null;
  done: (tool: Tool, shape: Shape, spot: Spot) => void = () => undefined;
  select: (id: string | null, more: boolean) => void = () => undefined;
  replace: (id: string, shape: Shape) => void = () => undefined;
  /** Colour of a class; none where it says less than the sign. */
  colour: (name: string) => string | undefined = () => undefined;
  /** Whether a correction may be changed here. */
  mine: (made: Correction) => boolean = () => false;
}

export interface Board {
  pen(): Pen;
  /** What is under a place of the canvas, in pixels of the page; null outside the image. */
  spot(x: number, y: number): Spot | null;
  /** Something is being drawn, or is not any more. */
  draft(draft: Draft | null): void;
}

const STEP = 2; // pixels of the page between two points
const CLICK = 5; // a pointer that moved less has clicked
const GRIP = 9; // pixels around a corner that take hold of it
const LINES = new Set<Tool>(["brush", "eraser", "cut", "length"]);

export function drawOn(canvas: HTMLCanvasElement, board: Board): void {
  let pointer: number | null = null;
  let shape: Shape | null = null;
  let start: Spot | null = null;
  let held: { id: string; corner: number } | null = null;
  let clicking = false; // corners are set one by one
  let [last, first, moved]: [[number, number], [number, number], boolean] = [[0, 0], [0, 0], false];

  const place = (event: MouseEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const same = (spot: Spot): boolean =>
    !shape || (spot.plane === shape.plane && spot.axis === shape.axis);
  const show = (more?: [number, number]): void => {
    if (!shape) return board.draft(null);
    const { tool, positive } = board.pen();
    const says = tool === "polygon" || tool === "brush" ? positive : null;
    const points = more ? [...shape.points, more] : shape.points;
    board.draft({ shape: { ...shape, points }, positive: held ? positive : says, open: clicking });
  };
  const forget = (): void => {
    pointer = shape = start = held = null;
    clicking = false;
    board.pen().pending = null;
    board.draft(null);
  };
  const finish = (): void => {
    const [made, spot, pen] = [shape, start, board.pen()];
    const free = !clicking;
    forget();
    if (!made || !spot) return;
    if (made.kind === "polygon") {
      const points = made.points.filter((p, k, all) => !k || distance(p, all[k - 1]!, spot.step) > 1);
      if (points.length < 3) return;
      made.points = free ? thinned(points, spot.step) : points;
    }
    pen.done(pen.tool, made, spot);
  };
  const begin = (spot: Spot, kind: "polygon" | "stroke", radii: number[]): void => {
    start = spot;
    shape = { kind, points: [spot.point], radii, ...level(spot) };
  };
  const take = (spot: Spot, more: boolean): boolean => {
    const pen = board.pen();
    const here = pen.corrections.filter((c) => c.shape && pen.mine(c) && onPlane(c.shape, spot));
    for (const made of here) {
      if (!pen.selected.has(made.id) || made.shape!.kind !== "polygon") continue;
      const corner = made.shape!.points.findIndex((p) => distance(p, spot.point, spot.step) < GRIP);
      if (corner < 0) continue;
      held = { id: made.id, corner };
      start = spot;
      shape = { kind: "polygon", points: made.shape!.points.map((p) => [...p]), radii: [], ...level(spot) };
      return true;
    }
    const hit = [...here].reverse().find((c) => inside(c.shape!, spot));
    pen.select(hit?.id ?? null, more);
    return false;
  };

  canvas.addEventListener("pointerdown", (event) => {
    const { tool } = board.pen();
    const spot = board.spot(...place(event));
    if (tool === "move" || !spot || event.button !== 0 || !same(spot)) return;
    [last, first, moved] = [place(event), place(event), false];
    if (tool === "wand") return board.pen().done(tool, { kind: "stroke", points: [spot.point], radii: [] }, spot);
    if (tool === "select" && !take(spot, event.shiftKey)) return;
    if (clicking && shape) {
      if (shape.points.length > 2 && distance(shape.points[0]!, spot.point, spot.step) < GRIP) return finish();
      shape.points.push(spot.point);
    } else if (LINES.has(tool)) {
      const wide = tool === "brush" || tool === "eraser";
      begin(spot, "stroke", wide ? spot.radii : [0.5]);
    } else if (!held) begin(spot, "polygon", []);
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    show();
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const spot = board.spot(...now);
    const { tool } = board.pen();
    if (!shape) {
      const round = spot && (tool === "brush" || tool === "eraser");
      board.draft(round ? { shape: cursor(spot), positive: null } : null);
      return;
    }
    if (!spot || !same(spot)) return;
    if (event.pointerId !== pointer) return clicking ? show(spot.point) : undefined;
    if (Math.hypot(now[0] - last[0], now[1] - last[1]) < STEP) return;
    last = now;
    moved ||= Math.hypot(now[0] - first[0], now[1] - first[1]) > CLICK;
    if (held) shape.points[held.corner] = spot.point;
    else if (tool === "length") shape.points = [shape.points[0]!, spot.point];
    else shape.points.push(spot.point);
    show();
  });
  const end = (event: PointerEvent): void => {
    if (event.pointerId !== pointer || !shape) return;
    pointer = null;
    if (held) {
      const [made, { id }] = [shape, held];
      forget();
      if (moved) board.pen().replace(id, made);
    } else if (shape.kind === "stroke" || (moved && !clicking)) finish();
    else {
      clicking = true;
      board.pen().pending = {
        close: finish,
        drop: forget,
        back: () => {
          if (shape && shape.points.length > 1) shape.points.pop();
          else forget();
          show();
        },
      };
      show();
    }
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", () => forget());
  canvas.addEventListener("pointerleave", () => !shape && board.draft(null));
  canvas.addEventListener("dblclick", (event) => {
    if (clicking) return finish();
    const [pen, spot] = [board.pen(), board.spot(...place(event))];
    if (pen.tool !== "select" || !spot) return;
    for (const made of pen.corrections) {
      const one = made.shape;
      if (!one || one.kind !== "polygon" || !pen.selected.has(made.id) || !onPlane(one, spot)) continue;
      const corner = one.points.findIndex((p) => distance(p, spot.point, spot.step) < GRIP);
      const points = one.points.filter((_, k) => k !== corner);
      if (corner < 0) points.splice(nearest(one.points, spot) + 1, 0, spot.point);
      if (points.length > 2) {
        pen.replace(made.id, { kind: "polygon", points, radii: [], ...level(spot) });
      }
      return;
    }
  });
}

/** Plane and axis of what is drawn there. */
const level = ({ plane, axis }: Spot): { plane?: number; axis?: number } =>
  plane === undefined || axis === undefined ? {} : { plane, axis };

/** Whether a shape has something in the plane under the pointer. */
function onPlane(shape: Shape, spot: Spot): boolean {
  if (spot.plane === undefined || shape.kind === "ball" || shape.kind === "mask") return true;
  return shape.plane === spot.plane && (shape.axis ?? 0) === spot.axis;
}

/** The edge of an outline that is nearest to a place: the number of its first corner. */
function nearest(points: readonly number[][], { point, step }: Spot): number {
  const far = points.map((a, k) => {
    const b = points[(k + 1) % points.length]!;
    return distance(a, point, step) + distance(point, b, step) - distance(a, b, step);
  });
  return far.indexOf(Math.min(...far));
}

/** The edge of the brush. */
function cursor(spot: Spot): Shape {
  const radii = spot.radii.length > 1 ? spot.radii : [spot.radii[0]!, spot.radii[0]!];
  const shape: Shape = { kind: "polygon", points: [], radii: [] };
  for (let k = 0; k < 40; k++) {
    const turn = (k / 40) * 2 * Math.PI;
    shape.points.push([
      spot.point[0] + radii[0]! * Math.sin(turn),
      spot.point[1] + radii[1]! * Math.cos(turn),
    ]);
  }
  return { ...shape, ...level(spot) };
}
