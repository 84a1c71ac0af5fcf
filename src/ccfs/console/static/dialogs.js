// Dialogs: questions before harm, which the server asks as a page, and signing in without leaving the page.
const ccfsDialogs = (() => {
  const dialog = document.getElementById("dialog");
  let onClose = () => {};

  function parse(text) { return new DOMParser().parseFromString(text, "text/html"); }

  // Shows an element of another page. The returned promise is resolved when the dialog closes.
  function show(content) {
    const title = content.querySelector("h1");
    dialog.setAttribute("aria-label", title ? title.textContent : "");
    for (const element of content.querySelectorAll("[autofocus]")) element.removeAttribute("autofocus");
    dialog.replaceChildren(document.importNode(content, true));
    if (!dialog.open) dialog.showModal();
    return new Promise((resolve) => { onClose = resolve; });
  }
  function close() { if (dialog && dialog.open) dialog.close(); }

  if (dialog) {
    dialog.addEventListener("close", () => { onClose(); dialog.replaceChildren(); });
    dialog.addEventListener("click", (event) => {
      if (event.target !== dialog && !event.target.closest("[data-cancel]")) return;
      event.preventDefault();
      close();
    });
  }

  // Asks the question of a confirmation page. If the user confirms, the form is sent again with the answer.
  function ask(page, form, submitter) {
    const question = page.getElementById("question");
    show(question);
    const answer = dialog.querySelector("form");
    (dialog.querySelector("input:not([type=hidden])") || dialog.querySelector("[data-cancel]")).focus();
    answer.addEventListener("submit", (event) => {
      event.preventDefault();
      const added = ["confirmed", "password"].filter((name) => answer.elements[name]).map((name) => {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value: answer.elements[name].value });
        form.append(field);
        return field;
      });
      close();
      form.dataset.isConfirmed = "yes";
      form.requestSubmit(submitter && submitter.isConnected ? submitter : undefined);
      delete form.dataset.isConfirmed;
      setTimeout(() => added.forEach((field) => field.remove()), 0);
    });
  }

  // A form whose route asks first: the question is fetched and shown here. Whatever else comes back, the browser sends the form itself.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-confirm]");
    if (!form || !dialog || form.dataset.isConfirmed || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    const submitter = event.submitter, body = new URLSearchParams(new FormData(form, submitter));
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
      const page = parse(await response.text());
      if (page.getElementById("question")) { ask(page, form, submitter); return; }
    } catch { /* offline: the browser says so */ }
    form.dataset.isConfirmed = "yes";
    form.requestSubmit(submitter);
    delete form.dataset.isConfirmed;
  });

  // The token of forms on this page, after the session has changed.
  async function renewToken() {
    const response = await fetch("/console/account", { headers: { "HX-Request": "true" } });
    const token = response.ok && parse(await response.text()).querySelector("input[name=csrf]");
    if (!token) return false;
    for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token.value;
    return true;
  }

  // Shows the login form. Calls `done` once the user is signed in, here or in another tab.
  async function signIn(done) {
    if (await renewToken()) { done(); return; }
    const page = parse(await (await fetch("/console/login")).text());
    showLogin(page, done);
  }
  function showLogin(page, done) {
    show(page.querySelector("main > *"));
    for (const link of dialog.querySelectorAll("a")) link.target = "_blank";
    const form = dialog.querySelector("form");
    if (!form) return;
    form.elements.next.value = "/console";
    (form.elements.name.value ? form.elements.password : form.elements.name).focus();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const body = new URLSearchParams(new FormData(form));
      const response = await fetch(form.action, { method: "POST", body, redirect: "manual" });
      if (response.type !== "opaqueredirect") { showLogin(parse(await response.text()), done); return; }
      close();
      if (await renewToken()) done();
    });
  }
  return { ask, parse, signIn, renewToken };
})();
