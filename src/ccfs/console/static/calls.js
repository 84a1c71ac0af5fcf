// The list of calls: rows as links, play in the row, and a selection that outlasts pages, sorting and filters.
(() => {
  const MAX_SELECTED = 1000;  // as console/bulk/pages.py takes
  const find = (selector, root = document) => root.querySelector(selector);
  let isAll = false;

  // Rows
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".call-list tr[data-href]");
    if (!row || event.target.closest("a, button, input, label") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else find("a", row).click();
  });

  // Player
  const player = find("#list-player"), audio = player && find("audio", player);
  let playing = "";
  function showPlaying() {
    for (const link of document.querySelectorAll(".call-list a.play"))
      link.classList.toggle("playing", link.dataset.play === playing && !audio.paused);
  }
  if (player) {
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a.play");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (playing === link.dataset.play && !audio.paused) { audio.pause(); return; }
      if (playing !== link.dataset.play) {
        playing = link.dataset.play;
        audio.src = playing;
        const title = find(".title", player);
        title.textContent = link.dataset.title;
        title.href = link.href;
      }
      find(".problem", player).hidden = true;
      player.hidden = false;
      audio.play().catch(() => {});
    });
    for (const kind of ["play", "pause", "ended"]) audio.addEventListener(kind, showPlaying);
    audio.addEventListener("error", () => { find(".problem", player).hidden = !playing; });
    find("[data-close]", player).addEventListener("click", () => {
      audio.pause();
      player.hidden = true;
    });
  }

  // Selection: kept for the tab, for one account at a time
  const load = () => {
    try { return JSON.parse(sessionStorage.getItem("ccfs-selection")) || {}; } catch { return {}; }
  };
  const getSelected = () => {
    const results = find("#results"), stored = load();
    return results && stored.account === results.dataset.account ? new Set(stored.calls) : new Set();
  };
  const save = (calls) => {
    const account = find("#results").dataset.account;
    try { sessionStorage.setItem("ccfs-selection", JSON.stringify({ account, calls: [...calls].slice(0, MAX_SELECTED) })); } catch { /* no storage: the page's own boxes remain */ }
  };
  const listBoxes = () => [...document.querySelectorAll(".call-list td.select input")];

  function show() {
    const form = find("#bulk-download");
    if (!form) return;
    const selected = getSelected(), boxes = listBoxes(), pageBox = find("[data-select-page]");
    for (const box of boxes) box.checked = isAll || selected.has(box.value);
    const ticked = boxes.filter((box) => box.checked).length;
    if (pageBox) {
      pageBox.hidden = boxes.length === 0;
      pageBox.checked = boxes.length > 0 && ticked === boxes.length;
      pageBox.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    const count = find(".selected-count", form), isActive = isAll || selected.size > 0;
    count.hidden = !isActive;
    count.textContent = isAll ? form.dataset.all : form.dataset.selected.replace("{count}", selected.size);
    for (const part of form.querySelectorAll(".idle")) part.hidden = isActive;
    find("[data-select-all]", form).hidden = !(selected.size > 0 && pageBox && pageBox.checked && !isAll);
    find("[data-select-none]", form).hidden = !isActive;
    form.classList.toggle("active", isActive);
    if (isActive) find(".notice", form).textContent = "";
  }
  document.addEventListener("change", (event) => {
    const pageBox = event.target.closest("[data-select-page]"), box = event.target.closest(".call-list td.select input");
    if (!pageBox && !box) return;
    const selected = getSelected();
    if (isAll) for (const one of listBoxes()) selected.add(one.value);
    isAll = false;
    for (const one of pageBox ? listBoxes() : [box])
      if (event.target.checked) selected.add(one.value); else selected.delete(one.value);
    save(selected);
    show();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-select-all]")) isAll = true;
    else if (event.target.closest("[data-select-none]")) { isAll = false; save([]); }
    else return;
    show();
    find("#bulk-download button[type=submit]").focus();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("#bulk-download");
    if (!form || event.submitter?.name === "all") return;
    const selected = getSelected();
    if (!isAll && selected.size === 0 && !listBoxes().some((box) => box.checked)) {
      event.preventDefault();
      find(".notice", form).textContent = form.dataset.none;
      return;
    }
    form.elements.selected.value = [...selected].join(" ");
    if (isAll) {
      const all = document.createElement("input");
      all.type = "hidden"; all.name = "all"; all.value = "yes";
      form.append(all);
    }
  });

  // Results that a search replaced
  let shown = find("#results"), isOpen = false;
  document.addEventListener("toggle", (event) => { if (event.target.matches(".more-filters")) isOpen = event.target.open; }, true);
  function refresh() {
    const results = find("#results");
    if (!results || results === shown) return;
    const before = shown;
    shown = results;
    isAll = false;
    if (isOpen) find(".more-filters").open = true;
    if (before && before.dataset.account !== results.dataset.account && load().account === before.dataset.account && load().calls.length) {
      sessionStorage.removeItem("ccfs-selection");
      const form = find("#bulk-download");
      if (form) find(".notice", form).textContent = form.dataset.accountChanged;
    }
    show();
    if (player) showPlaying();
  }
  new MutationObserver(refresh).observe(find("#main"), { childList: true, subtree: true });
  addEventListener("pageshow", show);
  show();
})();
