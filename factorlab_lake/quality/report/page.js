"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // The theme follows the system until the reader chooses one; a browser may refuse to store the choice.
  const theme = document.querySelector(".theme");
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const named = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Use the ${theme.textContent.toLowerCase()} theme`); };
  try { const chosen = localStorage.getItem("factorlab-lake-theme"); if (chosen) root.dataset.theme = chosen; } catch { /* not stored */ }
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("factorlab-lake-theme", root.dataset.theme); } catch { /* not stored */ }
    named();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", named);
  named();

  const create = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // Missing values come last in both directions.
  const comparison = (column, isNumber, direction) => (a, b) => {
    const [left, right] = [a.keys[column], b.keys[column]];
    if (left === "" || right === "") return (left === "") - (right === "");
    return direction * (isNumber ? left - right : left < right ? -1 : left > right ? 1 : 0);
  };
  const key = (cell) => {
    const text = cell.textContent.trim();
    return cell.classList.contains("number") && text !== "" ? Number(text.replace(/[,%]/g, "")) : text;
  };

  const enhance = (table) => {
    const scroll = table.parentElement;
    const body = table.tBodies[0];
    const all = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase(), keys: [...row.cells].map(key) }));
    const isPaged = all.length > Number(table.dataset.page);
    const state = { query: "", column: -1, direction: 1, page: 0, size: isPaged ? Number(table.dataset.page) : Infinity };
    const count = create("output", "", { "aria-live": "polite" });
    const [back, next, place] = [create("button", "Previous", { type: "button" }), create("button", "Next", { type: "button" }), create("span")];

    const show = () => {
      const found = all.filter((item) => state.query === "" || item.text.includes(state.query));
      if (state.column >= 0) {
        const isNumber = all.some((item) => typeof item.keys[state.column] === "number");
        found.sort(comparison(state.column, isNumber, state.direction));
      }
      const pages = Math.max(1, Math.ceil(found.length / state.size));
      state.page = Math.min(state.page, pages - 1);
      const first = state.size === Infinity ? 0 : state.page * state.size;
      body.replaceChildren(...found.slice(first, first + state.size).map((item) => item.row));
      count.textContent = found.length === all.length ? `${all.length} rows` : `${found.length} of ${all.length} rows`;
      place.textContent = `Page ${state.page + 1} of ${pages}`;
      [back.disabled, next.disabled] = [state.page === 0, state.page >= pages - 1];
    };

    // On a narrow screen each row of a wide table is a card, in which every cell has the name of its column.
    const names = [...table.tHead.rows[0].cells].map((head) => head.textContent);
    if (names.length > 5 && !table.matches(".heat, .symbols")) {
      for (const item of all) [...item.row.cells].forEach((cell, column) => { cell.dataset.label = names[column]; });
      table.classList.add("cards");
    }
    if (!table.classList.contains("heat") && all.length > 1) {
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = create("button", head.textContent, { type: "button" });
        head.replaceChildren(button);
        button.addEventListener("click", () => {
          state.direction = state.column === column ? -state.direction : head.classList.contains("number") ? -1 : 1;
          state.column = column;
          state.page = 0;
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");
          show();
        });
      });
    }
    if (!isPaged) return;
    scroll.classList.add("paged");
    const tools = create("div", "", { class: "tools" });
    const search = create("input", "", { type: "search", placeholder: "Search", "aria-label": `Search in: ${table.getAttribute("aria-label")}` });
    const size = create("select", "", { "aria-label": "Rows per page" });
    for (const [value, label] of [[table.dataset.page, `${table.dataset.page} per page`], ["100", "100 per page"], ["Infinity", "All rows"]]) {
      size.append(create("option", label, { value }));
    }
    search.addEventListener("input", () => { state.query = search.value.trim().toLowerCase(); state.page = 0; show(); });
    size.addEventListener("change", () => { state.size = Number(size.value); state.page = 0; show(); });
    back.addEventListener("click", () => { state.page -= 1; show(); });
    next.addEventListener("click", () => { state.page += 1; show(); });
    tools.append(search, size, count);
    scroll.before(tools);
    const pages = create("nav", "", { class: "pages", "aria-label": `Pages of: ${table.getAttribute("aria-label")}` });
    pages.append(back, place, next);
    scroll.after(pages);
    addEventListener("beforeprint", () => body.replaceChildren(...all.map((item) => item.row)));
    addEventListener("afterprint", show);
    show();
  };
  for (const table of document.querySelectorAll("table.data")) enhance(table);
})();
