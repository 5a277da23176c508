/** Numbers of a layer to colours: in the page, so that a slider acts at once. */

import type { Layer } from "./types";

export interface Look {
  /** Probability below which nothing is drawn, in 0..255. */
  threshold: number;
}

/** Colour the samples of a grey tile in place; codes by class, probabilities by how high they are. */
export function tint(data: Uint8ClampedArray, layer: Layer, look: Look): void {
  const table = layer.kind === "codes" ? ofCodes(layer) : ofHeat(look.threshold);
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
  for (let i = 0; i < words.length; i++) words[i] = table[data[i << 2]!]!;
}

const packed = (r: number, g: number, b: number, a: number): number =>
  ((a << 24) | (b << 16) | (g << 8) | r) >>> 0; // little-endian, as every browser's machine is

function ofCodes(layer: Layer): Uint32Array {
  const table = new Uint32Array(256);
  layer.colours.forEach(([r, g, b], k) => (table[k + 1] = packed(r, g, b, 255)));
  return table;
}

/** Viridis (van der Walt and Smith, 2015): even steps look even, also to the colour-blind. */
export const STOPS: [number, number, number][] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

export function ofHeat(threshold: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let v = Math.max(1, Math.ceil(threshold)); v < 256; v++) {
    const [r, g, b] = heat(v / 255);
    table[v] = packed(r, g, b, 255);
  }
  return table;
}

export function heat(p: number): [number, number, number] {
  const place = Math.min(0.9999, Math.max(0, p)) * (STOPS.length - 1);
  const [a, b] = [STOPS[Math.floor(place)]!, STOPS[Math.floor(place) + 1]!];
  const f = place % 1;
  return [0, 1, 2].map((k) => Math.round(a[k]! + f * (b[k]! - a[k]!))) as [number, number, number];
}
