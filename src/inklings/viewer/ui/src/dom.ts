/** Elements without a framework. Text is always text: nothing here parses markup. */

type Child = Node | string | null | undefined | false;
type Options = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name === "class") element.className = String(value);
    else if (name in element && typeof value !== "string") Reflect.set(element, name, value);
    else element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Say something to everybody: shown for a while, and read out. */
export function say(words: string, bad = false): void {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = words;
  place.className = bad ? "shown bad" : "shown";
  window.clearTimeout(Number(place.dataset["timer"]));
  place.dataset["timer"] = String(window.setTimeout(() => (place.className = ""), bad ? 9000 : 3500));
}

export function complain(error: unknown): void {
  say(error instanceof Error ? error.message : String(error), true);
}

export const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;

/** A long name with its middle left out. */
export function short(name: string, length: number): string {
  const keep = Math.floor((length - 1) / 2);
  return name.length <= length ? name : `${name.slice(0, length - 1 - keep)}…${name.slice(-keep)}`;
}

export const css = ([r, g, b]: readonly number[]): string => `rgb(${r}, ${g}, ${b})`;

/** A colour of a class as a small square. Set through the object model, which the policy allows. */
export function swatch(colour: readonly number[], dashed = false): HTMLElement {
  const square = h("span", { class: dashed ? "swatch dashed" : "swatch", "aria-hidden": "true" });
  square.style.setProperty("--colour", css(colour));
  return square;
}

export function check(
  label: string,
  on: boolean,
  changed: (on: boolean) => void,
  spoken?: string,
  mark?: Node,
): HTMLElement {
  const box = h("input", { type: "checkbox", "aria-label": spoken });
  box.checked = on;
  box.addEventListener("change", () => changed(box.checked));
  return h("label", { class: "check" }, box, mark ?? null, label);
}

/** Colours with the values that they stand for; what lies below the threshold is not drawn. */
export function colourBar(stops: readonly [number, number, number][]): HTMLElement {
  const bar = h("div", { class: "colour-bar" });
  bar.style.setProperty("background", `linear-gradient(to right, ${stops.map(css).join(", ")})`);
  const ticks = h("div", { class: "ticks" });
  for (const value of [0, 25, 50, 75, 100]) ticks.append(h("span", {}, `${value} %`));
  return h("div", { role: "img", "aria-label": "Colours from 0 to 100 %" }, bar, ticks);
}

export function slider(
  label: string,
  value: number,
  changed: (value: number) => void,
  [low, high, step]: [number, number, number] = [0, 1, 0.01],
  shown: (value: number) => string = percent,
): HTMLElement {
  const out = h("output", {}, shown(value));
  const input = h("input", { type: "range", min: String(low), max: String(high), step: String(step) });
  input.value = String(value);
  input.addEventListener("input", () => {
    out.textContent = shown(Number(input.value));
    changed(Number(input.value));
  });
  return h("label", { class: "slider" }, h("span", {}, label), input, out);
}
