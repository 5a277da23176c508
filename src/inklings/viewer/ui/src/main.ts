/** Start: the table of cases, or the page of one; keys that work everywhere. */

import { api } from "./api";
import { complain, h, short } from "./dom";
import { CasePage } from "./page";
import { arranged, table } from "./table";
import type { Row, Shelf } from "./types";

let shelf: Shelf;
let rows: Row[] = [];
let page: CasePage | null = null;
let asked = 0;
let searching = false; // the table is being opened for a search

const KEYS: [string, string][] = [
  ["j / k", "next and previous case"],
  ["/", "search the cases"],
  ["c", "all cases"],
  ["f / F", "next and previous finding"],
  ["a / r", "accept or reject the finding"],
  ["h", "hide or show what lies over the image"],
  ["+ − 0", "zoom in, out, whole image; arrows move"],
  ["o", "outline: click corners, or by hand; double click or Enter closes, Escape drops"],
  ["b / e / w", "brush, eraser, wand; [ ] or , . smaller and larger"],
  ["s / d / g", "select (corners move), divide by a line, join what is chosen"],
  ["Delete", "delete what is chosen"],
  ["v, Escape", "move the image"],
  ["i / x", "“is” and “is not”"],
  ["1 … 9", "classes"],
  ["l / t", "measure a length, a region"],
  ["> / <", "volumes: copy to the next or previous slice"],
  ["B", "volumes: fill between the slices that were drawn on"],
  ["↑ ↓, Space", "volumes: through the slices, cine; the right button drags the window"],
  ["m", "volumes: mark a ball at the cross"],
  ["Shift 1 … 5", "volumes: windows lung, mediastinum, liver, bone, auto"],
  ["u / U", "undo, redo (also Ctrl Z, Ctrl Shift Z)"],
  ["?", "these keys"],
];

async function start(): Promise<void> {
  shelf = await api.shelf();
  window.addEventListener("hashchange", () => show().catch(failed));
  window.addEventListener("keydown", keys);
  await show();
}

const current = (): string => decodeURIComponent(location.hash.slice(1));

async function show(): Promise<void> {
  const mine = ++asked;
  const id = current();
  document.title = [id, shelf.title, "inklings"].filter(Boolean).join(" · ");
  page?.destroy();
  page = null;
  const main = document.getElementById("main")!;
  if (!id) {
    rows = await api.cases();
    if (mine !== asked) return;
    top();
    main.className = "";
    main.replaceChildren(table(rows, shelf));
    if (searching) document.getElementById("search")?.focus();
    searching = false;
    return;
  }
  if (!rows.length) rows = await api.cases();
  top(id);
  main.className = "wide";
  main.replaceChildren(h("p", { class: "quiet pad" }, "Opening …"));
  const about = await api.case(id);
  if (mine !== asked) return;
  page = new CasePage(about, shelf);
  main.replaceChildren(page.element);
  await page.open();
  main.dataset["ready"] = id;
}

function failed(error: unknown): void {
  complain(error);
  const words = error instanceof Error ? error.message : String(error);
  document.getElementById("main")?.replaceChildren(h("p", { class: "pad box", role: "alert" }, words));
}

function top(id?: string): void {
  const head = document.getElementById("top")!;
  const home = h("a", { href: "#", class: "home" }, h("span", { class: "mark", "aria-hidden": "true" }), shelf.title);
  const help = h("button", { type: "button", "aria-label": "Keys", onclick: () => keysDialog() }, "?");
  if (!id) {
    head.replaceChildren(h("h1", {}, home), h("span", { class: "grow" }), help);
    return;
  }
  const [before, after] = neighbours(id);
  const step = (to: string | undefined, title: string, label: string): HTMLElement =>
    h(
      "button",
      { type: "button", "aria-label": label, disabled: !to, onclick: () => to && go(to) },
      title,
    );
  head.replaceChildren(
    home,
    h("h1", { class: "case-name", title: id }, short(id, 44)),
    h("span", { class: "grow" }),
    step(before, "‹", "Previous case"),
    step(after, "›", "Next case"),
    help,
  );
}

function neighbours(id: string): [string | undefined, string | undefined] {
  let ids = arranged(rows, shelf).map((row) => row.id);
  if (!ids.includes(id)) ids = rows.map((row) => row.id);
  const place = ids.indexOf(id);
  return [ids[place - 1], ids[place + 1]];
}

function go(id: string): void {
  location.hash = encodeURIComponent(id);
}

function keys(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const typing = target.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), select, textarea");
  if (event.altKey || document.querySelector("dialog[open]")) return;
  if (typing) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey) {
    const letter = event.key.toLowerCase();
    const back = letter === "z" || letter === "y";
    const forth = letter === "y" || event.shiftKey;
    if (back && page?.key(forth ? "U" : "u")) event.preventDefault();
    return;
  }
  const id = current();
  const [before, after] = id ? neighbours(id) : [undefined, arranged(rows, shelf)[0]?.id];
  const acts: Record<string, () => void> = {
    j: () => after && go(after),
    n: () => after && go(after),
    k: () => before && go(before),
    p: () => before && go(before),
    c: () => (location.hash = ""),
    "?": () => keysDialog(),
    "/": () => {
      searching = Boolean(id);
      if (id) location.hash = "";
      else document.getElementById("search")?.focus();
    },
  };
  const act = acts[event.key];
  if (act) act();
  const digit = event.shiftKey && !/^\d$/.test(event.key) && /^Digit(\d)$/.exec(event.code)?.[1];
  if (act || page?.key(event.key) || (digit && page?.key(`Shift${digit}`))) event.preventDefault();
}

function keysDialog(): void {
  const list = h("dl", { class: "keys" });
  for (const [key, what] of KEYS) list.append(h("dt", {}, h("kbd", {}, key)), h("dd", {}, what));
  const dialog = h("dialog", { "aria-labelledby": "keys-title" });
  dialog.append(
    h("h2", { id: "keys-title" }, "Keys"),
    list,
    h("p", { class: "quiet" }, `inklings ${shelf.version}. For research; not a medical device.`),
    h("button", { type: "button", onclick: () => dialog.close() }, "Close"),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

start().catch(failed);
