// Menus beside the search field: one is open at a time, and Escape or a click elsewhere closes it.
(() => {
  const listOpen = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of listOpen()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of listOpen()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // Columns: the order of the list is the order of the columns; buttons move a column without a request.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-columns] li button");
    if (!button) return;
    event.preventDefault();
    const item = button.closest("li"), other = button.name === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (button.name === "up") other.before(item); else other.after(item);
    button.focus();
  });
})();
