// The scoring panel of a call's page: fills in the player's position.
(() => {
  const form = document.querySelector("form[data-scoring]"), time = document.querySelector("[data-player] .time");
  if (!form) return;
  const problem = form.parentElement.querySelector(".problem");
  if (problem) form.parentElement.focus();
  if (!time) return;
  for (const button of form.querySelectorAll("[data-here]")) button.hidden = false;
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-here]");
    if (!button) return;
    const field = form.elements[button.dataset.here];
    field.value = time.value.split(" / ")[0];
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
