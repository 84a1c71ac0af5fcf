// One rule for requests of htmx: without a usable answer the page stays as it is, a notice says what happened, and the user can
// try again or sign in here. While a request runs, its target is marked busy. Other scripts report an ended session by the event
// "ccfs:session-ended" on the document, whose detail may have a function `retry`.
(() => {
  const notice = document.getElementById("notice");
  if (!notice) return;
  const texts = notice.dataset, pending = new WeakMap(), retried = new WeakSet();

  function say(text, actions, retry) {
    if (notice.firstChild && notice.firstChild.textContent === text) return; // repeated every second by a page that polls
    const message = document.createElement("p"), buttons = document.getElementById("notice-actions").content.cloneNode(true);
    message.textContent = text;
    for (const button of buttons.querySelectorAll("button")) {
      if (!["close", ...actions].includes(button.dataset.action)) button.remove();
    }
    notice.replaceChildren(message, buttons);
    notice.onclick = (event) => {
      const action = event.target.dataset.action;
      if (!action) return;
      if (action === "sign-in") { ccfsDialogs.signIn(() => { clear(); retry(); }); return; }
      clear();
      if (action === "retry") retry();
    };
  }
  function clear() { notice.replaceChildren(); }
  function isPolling(source) { return (source.getAttribute("hx-trigger") || "").startsWith("every"); }
  function find(target) { return typeof target === "string" ? document.querySelector(target) : target; }

  // Sends the request of a source again, with what its form holds now.
  function retry(ctx) {
    const source = ctx.sourceElement;
    if (!source.isConnected) { location.reload(); return; }
    if (source.matches("form")) { source.requestSubmit(); return; }
    htmx.trigger(source, ctx.sourceEvent ? ctx.sourceEvent.type : "click");
  }
  function reportEnd(ctx) { say(texts.ended, ["sign-in"], () => retry(ctx)); }

  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    const target = find(ctx.target);
    if (!target || !target.setAttribute || isPolling(ctx.sourceElement)) return;
    pending.set(target, (pending.get(target) || 0) + 1);
    ctx.busyTarget = target;
    target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    const target = ctx.busyTarget;
    if (!target) return;
    pending.set(target, pending.get(target) - 1);
    if (!pending.get(target)) target.removeAttribute("aria-busy");
  });

  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail, { raw, status } = ctx.response, session = raw.headers.get("ccfs-session");
    if (session === "ended" || (raw.redirected && new URL(raw.url).pathname === "/console/login")) {
      event.preventDefault();
      reportEnd(ctx);
      return;
    }
    if (session === "renewed" && !retried.has(ctx.sourceElement)) { // signed in again in another tab: the form has an old token
      event.preventDefault();
      retried.add(ctx.sourceElement);
      ccfsDialogs.renewToken().then((isRenewed) => (isRenewed ? retry(ctx) : reportEnd(ctx)));
      return;
    }
    retried.delete(ctx.sourceElement);
    const page = ccfsDialogs.parse(ctx.text);
    if (page.getElementById("question")) {
      event.preventDefault();
      const source = ctx.sourceElement;
      ccfsDialogs.ask(page, source.closest("form"), ctx.request.submitter);
      return;
    }
    if (ctx.select ? page.querySelector(ctx.select) : status < 400) { clear(); return; }
    event.preventDefault();
    const reason = status < 500 && page.querySelector("main .problem, main h1");
    say(reason ? reason.textContent : texts.failed, ["retry"], () => retry(ctx));
  });
  document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
    if (!ctx || !ctx.request || ctx.status === "swapped") return;
    const isTimeout = error && (error === "timeout" || error.name === "TimeoutError" || error.name === "AbortError");
    say(isTimeout ? texts.timeout : texts.offline, ["retry"], () => retry(ctx));
  });
  document.addEventListener("ccfs:session-ended", ({ detail }) => {
    say(texts.ended, ["sign-in"], (detail && detail.retry) || (() => {}));
  });
})();
