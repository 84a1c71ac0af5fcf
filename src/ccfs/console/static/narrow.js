// Narrow windows: the menu shows the current page, and whatever scrolls sideways says so.
(() => {
  const menu = document.querySelector(".top nav");
  const current = menu && menu.querySelector("[aria-current]");
  if (current) menu.scrollLeft = current.offsetLeft - (menu.clientWidth - current.offsetWidth) / 2;

  function mark(element) {
    const room = element.scrollWidth - element.clientWidth;
    element.toggleAttribute("data-more-left", room > 1 && element.scrollLeft > 1);
    element.toggleAttribute("data-more-right", room > 1 && element.scrollLeft < room - 1);
  }
  const sizes = new ResizeObserver((entries) => { for (const { target } of entries) mark(target); });
  function watch(root) {
    for (const element of root.querySelectorAll(".scroll, .top nav")) {
      if (element.dataset.isWatched) continue;
      element.dataset.isWatched = "yes";
      element.addEventListener("scroll", () => mark(element), { passive: true });
      sizes.observe(element);
      mark(element);
    }
  }
  watch(document);
  document.addEventListener("htmx:after:swap", () => watch(document));
})();
