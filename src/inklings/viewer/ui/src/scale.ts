/** Scale bar and magnification. */

import { h } from "./dom";
import { digits } from "./shapes";

const LONGEST = 140; // pixels of the page

/** `step` pixels of the page show one sample of `um` micrometres; unknown sizes are counted. */
export function measure(place: HTMLElement, step: number, um: number | undefined): void {
  if (!(step > 0)) return;
  const per = (um ?? 1) / step;
  let length = 10 ** Math.floor(Math.log10(LONGEST * per));
  const times = [5, 2].find((n) => (length * n) / per <= LONGEST);
  length *= times ?? 1;
  const mm = um !== undefined && length >= 1000;
  const words = um === undefined ? `${length} px` : mm ? `${length / 1000} mm` : `${length} µm`;
  const power = um === undefined ? `${Math.round(step * 100)} %` : `${digits(Number((10 / per).toPrecision(2)))}×`;
  const line = h("span", { class: "scale-line" });
  line.style.width = `${length / per}px`;
  place.replaceChildren(line, `${words} · ${power}`);
}
