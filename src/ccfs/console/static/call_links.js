// "Make a link" takes along the passage that the form of a new annotation holds: [ and ] set it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-new-link]"), form = document.querySelector("form.annotation[data-new]");
  if (!link || !form || !form.elements.end.value) return;
  const url = new URL(link.href);
  url.searchParams.set("from", form.elements.offset.value);
  url.searchParams.set("to", form.elements.end.value);
  if (form.elements.recording.value) url.searchParams.set("recording", form.elements.recording.value);
  link.href = url;
});
