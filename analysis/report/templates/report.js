"use strict";
// Without this script every table stands as it was written. With it, a button in each header of a long table sorts it:
// upwards, then downwards, then back as it was written.

const WORDS = new Intl.Collator("en", { numeric: true });
const NUMBER = /^(?:[<>]=? )?([+−-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)(?=%|\s|$)/;
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

/** What a cell is sorted by; `rank` puts numbers before words and words before nothing, in both directions. */
function keyOf(cell) {
  const text = cell.textContent.trim();
  const found = NUMBER.exec(text);
  if (found) return { rank: 0, value: Number(found[1].replaceAll(",", "").replace("−", "-")) };
  return text && text !== "n/a" ? { rank: 1, text } : { rank: 2 };
}

function compare(one, other) {
  return one.rank === 0 ? one.value - other.value : one.rank === 1 ? WORDS.compare(one.text, other.text) : 0;
}

/** The rows by the cells of one column; equals stay in their order. */
function sorted(rows, column, sign) {
  const keyed = rows.map((row) => ({ row, key: keyOf(row.cells[column]) }));
  keyed.sort((a, b) => a.key.rank - b.key.rank || sign * compare(a.key, b.key));
  return keyed.map((each) => each.row);
}

for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  const written = [...body.rows];
  const headers = [...table.tHead.rows[0].cells].filter((header) => header.textContent);
  for (const header of headers) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const order = NEXT[header.getAttribute("aria-sort") ?? "none"];
      for (const other of headers) other.removeAttribute("aria-sort");
      if (order !== "none") header.setAttribute("aria-sort", order);
      body.append(...(order === "none" ? written : sorted(written, header.cellIndex, order === "ascending" ? 1 : -1)));
    });
  }
}
