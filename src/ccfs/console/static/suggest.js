// Suggestions of the search field: a listbox that the keyboard reaches. Without it, the field is searched as it is typed.
(() => {
  const WAIT_MS = 120;
  let timer = 0, request = null;
  const getField = (target) => target?.closest?.("input[data-suggest]");
  const getBox = () => document.getElementById("suggestions");
  const listOptions = () => [...getBox().querySelectorAll("[role=option]")];

  function close(field) {
    clearTimeout(timer);
    request?.abort();
    getBox().hidden = true;
    if (!field.getAttribute("role")) return;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    field.removeAttribute("aria-controls");
  }
  function activate(field, option) {
    for (const one of listOptions()) one.setAttribute("aria-selected", String(one === option));
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }
  async function load(field) {
    request?.abort();
    request = new AbortController();
    try {
      const url = new URL(field.dataset.suggest, location.href);
      url.searchParams.set("q", field.value);
      const reply = await fetch(url, { signal: request.signal, redirect: "error" });
      if (!reply.ok || document.activeElement !== field) return;
      const box = getBox();
      box.innerHTML = await reply.text();
      const isEmpty = listOptions().length === 0;
      box.hidden = isEmpty;
      if (!isEmpty) field.setAttribute("aria-controls", "suggestion-list");
      field.setAttribute("aria-expanded", String(!isEmpty));
      field.removeAttribute("aria-activedescendant");
    } catch { /* no suggestions: the search itself says what is wrong */ }
  }
  function choose(field, option) {
    const form = field.form, target = form.elements[option.dataset.field];
    const values = target.value.split(",").map((text) => text.trim()).filter(Boolean);
    if (!values.includes(option.dataset.value)) values.push(option.dataset.value);
    field.value = "";
    target.value = values.join(", ");
    close(field);
    form.requestSubmit();
  }
  function prepare(field) {
    if (field.getAttribute("role")) return;
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-haspopup", "listbox");
    field.setAttribute("aria-expanded", "false");
  }
  // The slash key leads to the search field, except where it is typed.
  function focusField(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox], [type=range]), select, textarea, dialog, [contenteditable]")) return;
    event.preventDefault();
    const search = document.querySelector("input[data-suggest]");
    search.focus();
    search.select();
  }
  document.addEventListener("input", (event) => {
    const field = getField(event.target);
    if (!field) return;
    prepare(field);
    clearTimeout(timer);
    if (field.value.trim()) timer = setTimeout(load, WAIT_MS, field); else close(field);
  });
  document.addEventListener("keydown", (event) => {
    const field = getField(event.target);
    if (!field && event.key === "/") focusField(event);
    if (!field || getBox().hidden) return;
    const options = listOptions(), current = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1, start = current < 0 && step < 0 ? 0 : current;
      activate(field, options[(start + step + options.length) % options.length]);
    } else if (event.key === "Enter" && current >= 0) {
      event.preventDefault();
      choose(field, options[current]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close(field);
    }
  });
  document.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("#suggestions [role=option]");
    if (!option) return;
    event.preventDefault();  // the field keeps the focus
    choose(document.querySelector("input[data-suggest]"), option);
  });
  document.addEventListener("submit", (event) => { const field = event.target.querySelector?.("input[data-suggest]"); if (field) close(field); });
  document.addEventListener("focusout", (event) => { const field = getField(event.target); if (field) close(field); });
})();
