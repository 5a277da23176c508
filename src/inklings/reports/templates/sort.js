// Click a title to sort its table. Groups of rows stay together, each below its title.
for (const table of document.querySelectorAll("table")) {
  const titles = [...(table.tHead?.rows[0]?.cells ?? [])];
  const most = Math.max(0, ...[...table.tBodies].map((b) => b.querySelectorAll("tr:not(.group)").length));
  if (most < 2) continue;
  titles.forEach((title, column) => {
    if (!title.textContent.trim() || title.colSpan > 1) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") !== "descending";
      for (const other of titles) other.removeAttribute("aria-sort");
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      for (const body of table.tBodies) sort(body, column, down ? -1 : 1);
    });
  });
}

function sort(body, column, sign) {
  const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
  const keyed = rows.map((row) => [value(row.cells[column]), row]);
  keyed.sort(([a], [b]) => {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // what is unknown comes last
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  });
  body.append(...keyed.map(([, row]) => row));
}

// The first number of a cell that begins with one, else its words.
function value(cell) {
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
  const plain = text.replace(/[\u202f,](?=\d{3})/g, "").replace("\u2212", "-");
  const number = /^[\[(]?[-+]?\d*\.?\d+(e[-+]?\d+)?/i.exec(plain);
  if (number) return parseFloat(number[0].replace(/^[\[(]/, ""));
  return text === "–" ? "" : text;
}
