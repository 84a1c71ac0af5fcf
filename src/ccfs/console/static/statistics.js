// Charts from the keyboard, figures of today that refresh each minute, printing.
const REFRESH_MS = 60_000;
function makeChartsReachable(root) {
  for (const chart of root.querySelectorAll("svg[data-columns]")) {
    const columns = [...chart.querySelectorAll("a")];
    columns.forEach((column, index) => column.setAttribute("tabindex", index ? "-1" : "0"));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
      const from = columns.indexOf(document.activeElement);
      if (!step || from < 0) return;
      const to = Math.min(Math.max(from + step, 0), columns.length - 1);
      columns[from].setAttribute("tabindex", "-1");
      columns[to].setAttribute("tabindex", "0");
      columns[to].focus();
      event.preventDefault();
    });
  }
}
function refresh() {
  const figures = document.querySelector("[data-refresh]");
  if (!figures || document.hidden || figures.contains(document.activeElement)) return;
  document.body.dispatchEvent(new Event("refresh-minute"));
}
let openDetails = [];
document.addEventListener("htmx:beforeSwap", () => {
  openDetails = [...document.querySelectorAll("#figures details")].map((details) => details.open);
});
document.addEventListener("htmx:afterSwap", () => {
  const figures = document.getElementById("figures");
  if (!figures) return;
  figures.querySelectorAll("details").forEach((details, index) => { details.open = Boolean(openDetails[index]); });
  makeChartsReachable(figures);
});
makeChartsReachable(document);
setInterval(refresh, REFRESH_MS);
document.addEventListener("visibilitychange", refresh);
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
