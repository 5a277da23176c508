/** A bag: its instances sorted by evidence, and where they lie. */

import { api } from "./api";
import { css, h, percent } from "./dom";
import { heat } from "./tint";
import type { Bag, BagPrediction } from "./types";

const FIRST = 120;

export function bagStage(bag: Bag): HTMLElement {
  const stage = h("div", { class: "bag", tabindex: "0", role: "region", "aria-label": "Instances" });
  if (!bag.predictions.length) {
    stage.append(h("p", { class: "quiet pad" }, "Nothing was predicted for this bag yet."));
  }
  for (const predicted of bag.predictions) stage.append(one(bag, predicted));
  return stage;
}

function one(bag: Bag, predicted: BagPrediction): HTMLElement {
  const verdict = predicted.classes.map(
    (name, k) => `P(${name}) = ${percent(predicted.probability[k] ?? 0)}`,
  );
  const place = h(
    "section",
    { class: "pad" },
    h("h2", {}, predicted.name),
    h("p", {}, h("strong", {}, verdict.join(" · ")), `, from ${predicted.count} instances`),
    h("p", { class: "quiet" }, predicted.meaning),
  );
  const placed = predicted.instances.filter((i) => i.place !== null);
  if (placed.length) place.append(plan(predicted));
  const grid = h("ol", { class: "instances" });
  for (const instance of predicted.instances.slice(0, FIRST)) {
    const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("span"));
    (bar.firstChild as HTMLElement).style.width = `${instance.evidence * 100}%`;
    grid.append(
      h(
        "li",
        { id: `instance${instance.index}`, tabindex: "-1" },
        bag.pictures
          ? h("img", {
              src: api.instance(bag.case, instance.index),
              alt: `Instance ${instance.index}`,
              loading: "lazy",
            })
          : h("span", { class: "number" }, `# ${instance.index}`),
        bar,
        h("span", { class: "soft" }, instance.evidence.toFixed(3)),
      ),
    );
  }
  place.append(grid);
  if (predicted.instances.length > FIRST) {
    place.append(h("p", { class: "quiet" }, `The ${FIRST} highest of ${predicted.count} are shown.`));
  }
  return place;
}

/** The tiles where they lie on the slide, as bright as their evidence. */
function plan(predicted: BagPrediction): HTMLElement {
  const places = predicted.instances.filter((i) => i.place !== null);
  const [ys, xs] = [places.map((i) => i.place![0]), places.map((i) => i.place![1])];
  const step = Math.min(stepOf(ys), stepOf(xs));
  const [top, left] = [Math.min(...ys), Math.min(...xs)];
  const rows = Math.round((Math.max(...ys) - top) / step) + 1;
  const columns = Math.round((Math.max(...xs) - left) / step) + 1;
  const canvas = h("canvas", {
    class: "plan",
    role: "img",
    "aria-label": `Evidence of ${places.length} tiles at their places on the slide`,
  });
  const side = Math.max(2, Math.min(18, Math.floor(900 / Math.max(rows, columns))));
  canvas.width = columns * side;
  canvas.height = rows * side;
  const pen = canvas.getContext("2d");
  for (const tile of places) {
    if (!pen) break;
    const [y, x] = [(tile.place![0] - top) / step, (tile.place![1] - left) / step];
    pen.fillStyle = css(heat(tile.evidence));
    pen.fillRect(x * side, y * side, side - 1, side - 1);
  }
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const [x, y] = [Math.floor(at[0]! * columns), Math.floor(at[1]! * rows)];
    const hit = places.find(
      (t) => Math.round((t.place![0] - top) / step) === y && Math.round((t.place![1] - left) / step) === x,
    );
    if (hit) document.getElementById(`instance${hit.index}`)?.focus();
  });
  return h("div", { class: "scroll" }, canvas);
}

function stepOf(values: number[]): number {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((v, k) => v - sorted[k]!);
  return gaps.length ? Math.max(1, Math.min(...gaps)) : 1;
}
