/** Tiles where they lie, as bright as their evidence and with their scores, without a slide. */

import { css, h } from "./dom";
import { LEGIBLE, score } from "./outline";
import { heat } from "./tint";
import type { Instance } from "./types";

export function plan(
  instances: readonly Instance[],
  value: (instance: Instance) => number,
  picked: (instance: Instance) => void,
  picture: ((instance: Instance) => string) | null,
): HTMLElement {
  const places = instances.filter((i) => i.place !== null);
  const [ys, xs] = [places.map((i) => i.place![0]), places.map((i) => i.place![1])];
  const step = Math.min(stepOf(ys), stepOf(xs));
  const [top, left] = [Math.min(...ys), Math.min(...xs)];
  const cell = (tile: Instance): [number, number] => [
    Math.round((tile.place![0] - top) / step),
    Math.round((tile.place![1] - left) / step),
  ];
  const rows = Math.round((Math.max(...ys) - top) / step) + 1;
  const columns = Math.round((Math.max(...xs) - left) / step) + 1;
  const canvas = h("canvas", {
    class: "plan",
    role: "img",
    "aria-label": `Evidence of ${places.length} tiles at their positions on the slide`,
  });
  const side = Math.max(2, Math.min(72, Math.floor(900 / Math.max(rows, columns))));
  canvas.width = columns * side;
  canvas.height = rows * side;
  const pen = canvas.getContext("2d");
  for (const tile of places) {
    if (!pen) break;
    const [y, x] = cell(tile);
    const [left, top, v] = [x * side, y * side, value(tile)];
    const tell = (): void => void (side >= LEGIBLE && score(pen, v, left + 4, top + side - 7));
    pen.fillStyle = css(heat(v));
    pen.fillRect(left, top, side - 1, side - 1);
    tell();
    if (!picture || side < LEGIBLE) continue;
    const image = new Image();
    image.onload = () => {
      pen.drawImage(image, left + 3, top + 3, side - 7, side - 7); // its evidence is the frame
      tell();
    };
    image.src = picture(tile);
  }
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const y = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const hit = places.find((tile) => cell(tile)[0] === y && cell(tile)[1] === x);
    if (hit) picked(hit);
  });
  return h("div", { class: "scroll" }, canvas);
}

function stepOf(values: number[]): number {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((v, k) => v - sorted[k]!);
  return gaps.length ? Math.max(1, Math.min(...gaps)) : 1;
}
