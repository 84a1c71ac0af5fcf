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
})();
