/** The cases as a table: search, filter, sort; worst first. */

import { api } from "./api";
import { h, short } from "./dom";
import type { Row, Shelf } from "./types";

export interface Order {
  text: string;
  split: string;
  only: string;
  by: string;
  down: boolean;
}

export const order: Order = { text: "", split: "", only: "", by: "score", down: false };
const FIRST = 200;
const NAME = 28; // letters of a name

/** Rows as the filters and the order have them. */
export function arranged(rows: readonly Row[], shelf: Shelf): Row[] {
  const words = order.text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = rows.filter((row) => {
    const said = row.unlike ? "unlike the training" : "";
    const text = [row.id, row.patient, row.split ?? "", ...row.labels, said].join(" ").toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      (!order.split || row.split === order.split) &&
      (!order.only ||
        (order.only === "predicted" && row.predicted.some(Boolean)) ||
        (order.only === "corrected" && row.corrections > 0))
    );
  });
  const sign = order.down ? -1 : 1;
  const worse = shelf.predictions[0]?.higher === false ? -1 : 1;
  const key: Record<string, (row: Row) => number | string> = {
    score: (row) => (row.scores[0] ?? null) === null ? Infinity : worse * row.scores[0]!,
    second: (row) => (row.scores[1] ?? null) === null ? Infinity : worse * row.scores[1]!,
    id: (row) => row.id,
    patient: (row) => row.patient,
    split: (row) => row.split ?? "",
    next: (row) => row.suggested ?? Infinity,
    corrections: (row) => -row.corrections,
  };
  const of = key[order.by] ?? key["id"]!;
  return kept
    .map((row, place) => ({ row, place, value: of(row) }))
    .sort((a, b) => {
      if (a.value === Infinity || b.value === Infinity) {
        return a.value === b.value ? a.place - b.place : a.value === Infinity ? 1 : -1;
      }
      const less =
        typeof a.value === "string"
          ? a.value.localeCompare(String(b.value), undefined, { numeric: true })
          : a.value - Number(b.value);
      return sign * less || a.place - b.place;
    })
    .map(({ row }) => row);
}

export function table(rows: readonly Row[], shelf: Shelf, most = FIRST): HTMLElement {
  const found = arranged(rows, shelf);
  const body = h("tbody");
  const patients = rows.some((row) => row.patient !== row.id);
  for (const row of found.slice(0, most)) body.append(line(row, shelf, patients));
  const place = h("div", { class: "pad" });
  const redraw = (limit = FIRST): void => place.replaceWith(table(rows, shelf, limit));
  place.append(
    filters(rows, shelf, redraw),
    h(
      "p",
      { class: "quiet", role: "status" },
      `${found.length} of ${rows.length} ${rows.length === 1 ? "case" : "cases"}`,
    ),
    found.length
      ? h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cases" },
          h("table", { class: "cases" }, head(shelf, patients, redraw), body),
        )
      : nothing(redraw),
  );
  if (found.length > most) {
    place.append(
      h("button", { type: "button", onclick: () => redraw(most + 1000) }, "Show more cases"),
    );
  }
  return place;
}

/** No case is as the search and the filters ask. */
function nothing(redraw: () => void): HTMLElement {
  const clear = (): void => {
    Object.assign(order, { text: "", split: "", only: "" });
    redraw();
  };
  const words = order.text ? `No case has “${order.text}” in its name, patient, part or labels` : "No case is so";
  return h(
    "p",
    { class: "pad nothing" },
    `${words}${order.split || order.only ? ", with these filters" : ""}. `,
    h("button", { type: "button", onclick: clear }, "Show all cases"),
  );
}

function filters(rows: readonly Row[], shelf: Shelf, redraw: () => void): HTMLElement {
  const search = h("input", {
    type: "search",
    id: "search",
    placeholder: "Search cases, patients, labels  ( / )",
    "aria-label": "Search cases",
  });
  search.value = order.text;
  search.addEventListener("input", () => {
    order.text = search.value;
    const at = search.selectionStart ?? order.text.length;
    redraw();
    const again = document.getElementById("search") as HTMLInputElement | null;
    again?.focus();
    again?.setSelectionRange(at, at);
  });
  const splits = [...new Set(rows.map((row) => row.split).filter(Boolean))] as string[];
  const parts = h("div", { class: "filters" }, search);
  if (splits.length > 1) {
    parts.append(choice("Part", ["", ...splits], ["all parts", ...splits], "split", redraw));
  }
  const only = ["", ...(shelf.predictions.length ? ["predicted"] : []), "corrected"];
  const titles = ["all cases", ...(shelf.predictions.length ? ["predicted only"] : []), "corrected only"];
  parts.append(choice("Which", only, titles, "only", redraw));
  return parts;
}

function choice(
  label: string,
  values: string[],
  titles: string[],
  field: "split" | "only",
  redraw: () => void,
): HTMLElement {
  const select = h("select", { "aria-label": label });
  values.forEach((value, k) => select.append(h("option", { value }, titles[k] ?? value)));
  select.value = order[field];
  select.addEventListener("change", () => {
    order[field] = select.value;
    redraw();
  });
  return select;
}

function head(shelf: Shelf, patients: boolean, redraw: () => void): HTMLElement {
  const columns: [string, string][] = [
    ["id", "Case"],
    ...(patients ? ([["patient", "Patient"]] as [string, string][]) : []),
    ["split", "Part"],
    ["", "Labels"],
  ];
  shelf.predictions.forEach((_, k) => columns.push([k ? "second" : "score", scoreTitle(shelf, k)]));
  if (shelf.suggests) columns.push(["next", "Correct next"]);
  columns.push(["corrections", "Corrected"]);
  const row = h("tr", {}, h("th", { scope: "col" }, h("span", { class: "unseen" }, "Picture")));
  for (const [by, title] of columns) {
    const sorted = by && order.by === by;
    const cell = h("th", { scope: "col" });
    if (sorted) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    if (!by) cell.append(title);
    else
      cell.append(
        h(
          "button",
          {
            type: "button",
            class: "sort",
            onclick: () => {
              order.down = order.by === by && !order.down;
              order.by = by;
              redraw();
            },
          },
          title,
          sorted ? h("span", { "aria-hidden": "true" }, order.down ? " ↓" : " ↑") : null,
        ),
      );
    row.append(cell);
  }
  return h("thead", {}, row);
}

function scoreTitle(shelf: Shelf, k: number): string {
  const { metric, name } = shelf.predictions[k]!;
  return shelf.predictions.length > 1 ? `${metric || "Score"}: ${name}` : metric || "Score";
}

/** On a phone, which has no head of columns, a cell says what it is. */
function named(title: string, cell: HTMLElement): HTMLElement {
  cell.dataset["title"] = title;
  return cell;
}

/** The thumbnail, or a mark where the file cannot be shown. */
function picture(row: Row): HTMLElement {
  const place = h("span", { class: "picture" });
  const image = h("img", {
    src: api.thumbnail(row.id),
    alt: "",
    loading: "lazy",
    width: "72",
    height: "56",
  });
  const broken = async (): Promise<void> => {
    const words = await api.why(row.id);
    const features = words.includes("features"); // nothing is wrong with them
    const mark = h("span", { class: "broken", role: "img", "aria-label": words, title: words }, "!");
    place.replaceChildren(features ? "" : mark);
  };
  image.addEventListener("error", () => void broken(), { once: true });
  place.append(image);
  return place;
}

function line(row: Row, shelf: Shelf, patients: boolean): HTMLElement {
  const cells = [
    h("td", { class: "thumb" }, picture(row)),
    h(
      "td",
      {},
      h("a", { href: `#${encodeURIComponent(row.id)}`, class: "case", title: row.id }, short(row.id, NAME)),
      row.unlike && h("small", { class: "unlike" }, "unlike the training"),
    ),
    patients && named("Patient", h("td", { title: row.patient }, short(row.patient, NAME))),
    named("Part", h("td", {}, row.split ?? "–")),
    named("Labels", h("td", { class: "soft" }, row.labels.join(", ") || "none")),
    ...shelf.predictions.map((_, k) =>
      named(scoreTitle(shelf, k), score(row.scores[k] ?? null, row.predicted[k] ?? false)),
    ),
    shelf.suggests && named("Correct next", h("td", {}, String(row.suggested ?? "–"))),
    row.corrections ? named("Corrected", h("td", {}, String(row.corrections))) : h("td"),
  ].filter((cell) => cell !== false);
  return h(
    "tr",
    {
      onclick: (event: MouseEvent) => {
        if (!(event.target as HTMLElement).closest("a")) location.hash = encodeURIComponent(row.id);
      },
    },
    ...cells,
  );
}

function score(value: number | null, predicted: boolean): HTMLElement {
  if (value === null) return h("td", { class: "soft" }, predicted ? "not scored" : "–");
  const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("span"));
  (bar.firstChild as HTMLElement).style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return h("td", { class: "value" }, value.toFixed(3), bar);
}
