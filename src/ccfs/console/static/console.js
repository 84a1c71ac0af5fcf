// Search on a choice, keep the period and exact times consistent, copy a secret, play one recording at a time.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-search]");
  if (!form) return;
  const { period, from, to } = form.elements;
  if (event.target === from || event.target === to) { period.value = "custom"; return; }
  if (event.target === period && period.value === "custom") {
    form.querySelector("details").open = true;
    from.focus();
    return;
  }
  if (event.target === period) from.value = to.value = "";
  if (event.target.matches("select")) form.requestSubmit();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent)
    .then(() => { button.textContent = button.dataset.copied; });
});
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
}, true);
