/** Shapes that are masks: their samples, what of them lies in a plane, and rings around them. */

import type { Shape } from "./types";

const unfolded = new WeakMap<Shape, Uint8Array>();
const cuts = new WeakMap<Shape, Map<string, Shape | null>>();
const traced = new WeakMap<Shape, number[][][]>();

/** One number a sample, the first axis running fastest. */
function samples(shape: Shape): Uint8Array {
  let found = unfolded.get(shape);
  if (!found) {
    found = new Uint8Array(shape.size!.reduce((a, b) => a * b, 1));
    let at = 0;
    shape.runs!.split(" ").forEach((text, k) => {
      const end = at + Number(text);
      if (k % 2) found!.fill(1, at, end);
      at = end;
    });
    unfolded.set(shape, found);
  }
  return found;
}

/** Whether a sample of a mask of a plane is marked. */
export function covers(shape: Shape, y: number, x: number): boolean {
  const [i, j] = [y, x].map((v, k) =>
    Math.floor((v - shape.points[0]![k]!) / (2 * shape.radii[k]!) + 0.5),
  ) as [number, number];
  const [height, width] = shape.size as [number, number];
  return i >= 0 && j >= 0 && i < height && j < width && samples(shape)[j * height + i] === 1;
}

/** What of the mask of a volume lies in a plane; null for nothing. */
export function cutMask(shape: Shape, axis: number, index: number): Shape | null {
  const known = cuts.get(shape) ?? new Map<string, Shape | null>();
  cuts.set(shape, known);
  const key = `${axis}:${index}`;
  if (!known.has(key)) known.set(key, plane(shape, axis, index));
  return known.get(key)!;
}

function plane(shape: Shape, axis: number, index: number): Shape | null {
  const [first, radii, size] = [shape.points[0]!, shape.radii, shape.size!];
  const at = Math.round((index - first[axis]!) / (2 * radii[axis]!));
  if (at < 0 || at >= size[axis]!) return null;
  const [p, q] = [0, 1, 2].filter((k) => k !== axis) as [number, number];
  const steps = [1, size[0]!, size[0]! * size[1]!];
  const whole = samples(shape);
  const flat = new Uint8Array(size[p]! * size[q]!);
  for (let j = 0; j < size[q]!; j++)
    for (let i = 0; i < size[p]!; i++)
      flat[j * size[p]! + i] = whole[at * steps[axis]! + i * steps[p]! + j * steps[q]!]!;
  if (!flat.includes(1)) return null;
  const rest = (values: number[]): number[] => [values[p]!, values[q]!];
  const cut = { ...shape, points: [rest(first)], radii: rest(radii), size: rest(size) };
  unfolded.set(cut, flat);
  return cut;
}

/** Closed rings of corners along the edges of the samples of a plane, as points of the shape. */
export function rings(shape: Shape): number[][][] {
  let found = traced.get(shape);
  if (!found) {
    found = trace(samples(shape), shape.size![0]!, shape.size![1]!).map((ring) =>
      ring.map((corner) =>
        corner.map((v, k) => shape.points[0]![k]! + (2 * v - 1) * shape.radii[k]!),
      ),
    );
    traced.set(shape, found);
  }
  return found;
}

/** Every edge between inside and outside once, the inside to one hand, joined end to end. */
function trace(inside: Uint8Array, height: number, width: number): number[][][] {
  const at = (i: number, j: number): number =>
    i >= 0 && j >= 0 && i < height && j < width ? inside[j * height + i]! : 0;
  const next = new Map<number, number[]>();
  const edge = (a: number, b: number, c: number, d: number): void => {
    const from = b * (height + 1) + a;
    const there = next.get(from) ?? [];
    there.push(d * (height + 1) + c);
    next.set(from, there);
  };
  for (let j = 0; j < width; j++) {
    for (let i = 0; i < height; i++) {
      if (!at(i, j)) continue;
      if (!at(i - 1, j)) edge(i, j, i, j + 1);
      if (!at(i, j + 1)) edge(i, j + 1, i + 1, j + 1);
      if (!at(i + 1, j)) edge(i + 1, j + 1, i + 1, j);
      if (!at(i, j - 1)) edge(i + 1, j, i, j);
    }
  }
  const made: number[][][] = [];
  for (const [start, ends] of next) {
    while (ends.length) {
      const ring: number[][] = [];
      let here = start;
      for (let to = next.get(here)!.pop(); to !== undefined; to = next.get(here)?.pop()) {
        ring.push([here % (height + 1), Math.floor(here / (height + 1))]);
        here = to;
      }
      made.push(ring.filter((corner, k) => turns(ring, corner, k)));
    }
  }
  return made;
}

/** Whether a ring goes another way from here on. */
function turns(ring: number[][], [i, j]: number[], k: number): boolean {
  const before = ring[(k + ring.length - 1) % ring.length]!;
  const after = ring[(k + 1) % ring.length]!;
  return (before[0] === i) !== (after[0] === i) || (before[1] === j) !== (after[1] === j);
}
