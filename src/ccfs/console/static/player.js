// The player of a call's page: its controls and keys, links to a second, and the annotations on the waveform.
(() => {
  const box = document.querySelector("[data-player]");
  if (!box) return;
  const length = box.dataset.length / 1000, find = (selector) => box.querySelector(selector);
  const media = new CallMedia([...document.querySelectorAll("audio[data-track]")], length);
  const wave = new CallWave(find(".wave"), media, showProblem), scrubber = find(".scrubber input"), track = find("[data-track]");
  const play = find(".play"), speed = find("[data-speed]"), skip = find("[data-skip-silence]"), channel = find("[data-channel]"), copy = find(".copy-link");
  let stopAt = Infinity;
  const routes = new Map();

  for (const audio of document.querySelectorAll("audio[data-track]")) {
    audio.controls = false;
    if (audio.src.includes("#")) audio.src = audio.src.split("#")[0];  // where native controls would begin
  }
  play.addEventListener("click", toggle);
  speed.addEventListener("change", () => { media.playbackRate = Number(speed.value); });
  find("[data-volume]").addEventListener("input", (event) => { media.volume = event.target.value / 100; });
  scrubber.addEventListener("input", () => seek(Number(scrubber.value)));
  channel.addEventListener("change", () => { for (const part of media.parts) for (const audio of part.audios) routeChannel(audio, channel.value); });
  track?.addEventListener("change", () => { media.selectTrack(Number(track.value)); drawWave(); });
  copy.addEventListener("click", copyLink);
  find(".wave").addEventListener("pick", (event) => playFrom(event.detail));
  media.addEventListener("trackchange", () => { if (track) track.value = media.track; drawWave(); });
  media.addEventListener("play", () => { showProblem(""); showState(); });
  media.addEventListener("pause", showState);
  media.addEventListener("error", () => explainError(media.failed));
  media.addEventListener("timeupdate", () => { skipSilence(); showTime(); });
  if (box.dataset.start > 0) media.currentTime = box.dataset.start / 1000;
  showTime();
  drawWave();
  drawMarkers();

  function formatTime(seconds) {
    const total = Math.floor(seconds + 0.001), pad = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
    return hours ? `${hours}:${pad(minutes)}:${pad(total % 60)}` : `${minutes}:${pad(total % 60)}`;
  }
  function formatTenths(seconds) { return `${formatTime(seconds)}.${Math.floor(seconds * 10) % 10}`; }

  function drawWave() {
    wave.show().then(() => {
      find("[data-channel-choice]").hidden = !wave.isStereo || !window.AudioContext;
      showTime();
    });
  }
  function showState() {
    const text = media.paused ? play.dataset.play : play.dataset.pause;
    play.setAttribute("aria-pressed", String(!media.paused));
    play.querySelector("span").textContent = text;
  }
  function showTime() {
    const now = media.currentTime, text = formatTime(now);
    find(".time").value = `${text} / ${formatTime(length)}`;
    if (document.activeElement !== scrubber || !scrubber.matches(":active")) scrubber.value = now;
    scrubber.setAttribute("aria-valuetext", text);
    if (!copy.dataset.busy) copy.textContent = copy.dataset.text.replace("0:00", text);
  }
  function toggle() { if (media.paused) media.play(); else media.pause(); }
  function seek(seconds) { stopAt = Infinity; media.currentTime = seconds; }
  function playFrom(seconds, end = Infinity) { seek(seconds); stopAt = end; media.play(); }
  function playNext(kind) {
    const next = findNextMark(kind, media.currentTime);
    if (next !== undefined) playFrom(next);
  }
  function changeSpeed(steps) {
    const option = speed.options[speed.selectedIndex + steps];
    if (option) { speed.value = option.value; media.playbackRate = Number(option.value); }
  }
  function skipSilence() {
    if (media.paused) return;
    const now = media.currentTime;
    if (now >= stopAt) { stopAt = Infinity; media.pause(); return; }
    const silence = skip.checked && !media.seeking && wave.silences.find(([begin, end]) => now >= begin + 0.3 && now < end - 0.7);
    if (silence) media.currentTime = silence[1] - 0.3;
  }

  function showProblem(kind) {
    const problem = find(".problem");
    problem.hidden = !kind;
    problem.textContent = kind ? problem.dataset[kind] : "";
    if (kind !== "expired") return;
    const link = problem.appendChild(document.createElement("a"));
    link.href = `${box.dataset.login}?next=${encodeURIComponent(`${box.dataset.address}&t=${formatTime(media.currentTime)}`)}`;
    link.textContent = problem.dataset.login;
    link.before(" ");
  }
  function explainError(audio) {
    fetch(audio.src, { headers: { range: "bytes=1-1" }, redirect: "manual" }).then(
      (response) => showProblem(response.headers.get("ccfs-session") === "ended" ? "expired" : response.status === 503 ? "busy" : "broken"),
      () => showProblem("offline"));
  }

  async function copyLink() {
    const text = new URL(`${box.dataset.address}&t=${formatTime(media.currentTime)}`, location.href).href;
    try { await navigator.clipboard.writeText(text); } catch { copyBySelection(text); }
    copy.dataset.busy = "yes";
    copy.textContent = copy.dataset.copied;
    setTimeout(() => { delete copy.dataset.busy; showTime(); }, 1500);
  }
  // Without TLS, browsers have no clipboard for scripts.
  function copyBySelection(text) {
    const field = box.appendChild(document.createElement("input"));
    field.value = text;
    field.select();
    document.execCommand("copy");
    field.remove();
    copy.focus();
  }

  // Play one channel on both sides. Web Audio is used only once a channel is chosen.
  function routeChannel(audio, side) {
    if (!routes.has(audio)) {
      const context = new AudioContext();
      routes.set(audio, { context, source: context.createMediaElementSource(audio) });
    }
    const { context, source } = routes.get(audio);
    context.resume();
    source.disconnect();
    if (side === "both") { source.connect(context.destination); return; }
    const splitter = context.createChannelSplitter(2), mono = context.createGain();
    source.connect(splitter);
    splitter.connect(mono, side === "left" ? 0 : 1);
    mono.connect(context.destination);
  }

  function annotationForm() { return document.querySelector("form[data-new]"); }
  // Where nothing was recorded, an annotation begins with the next recording.
  function findPosition() {
    const now = media.currentTime, next = media.partAt(now) ? null : media.partAfter(now) || media.parts.at(-1);
    return next ? next.begin : now;
  }
  function setPosition(name) {
    annotationForm().elements[name].value = formatTenths(findPosition());
    annotationForm().dataset.positioned = "yes";
  }
  function startAnnotation() { setPosition("offset"); annotationForm().elements.text.focus(); }
  function drawMarkers() {
    for (const old of find(".wave").querySelectorAll(".marker")) old.remove();
    for (const link of document.querySelectorAll("#annotations [data-seek]")) {
      const marker = find(".wave").appendChild(document.createElement("span")), { seek: begin, end } = link.dataset;
      marker.className = end ? "marker passage" : "marker";
      marker.style.left = `${begin / length / 10}%`;
      if (end) marker.style.width = `${(end - begin) / length / 10}%`;
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-seek]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.dataset.track && Number(link.dataset.track) !== media.track) { media.selectTrack(Number(link.dataset.track)); media.emit("trackchange"); }
    playFrom(link.dataset.seek / 1000, link.dataset.end ? link.dataset.end / 1000 : Infinity);
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.name === "text" && event.target.form === annotationForm() && !annotationForm().dataset.positioned) setPosition("offset");
  });
  document.addEventListener("input", (event) => { if (event.target.form?.matches("form[data-new]")) event.target.form.dataset.positioned = "yes"; });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-new]")) event.target.elements.recording.value = media.part?.lead.dataset.name || "";
  }, true);
  document.addEventListener("htmx:after:swap", () => {
    drawMarkers();
    const invalid = document.querySelector("#annotations [aria-invalid]");
    if (invalid) invalid.focus();
    else if (document.activeElement === document.body || !document.activeElement) document.getElementById("annotations")?.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input:not([type=range], [type=checkbox]), select, textarea, [contenteditable]")) return;
    if (event.key === " " && target.closest("button, a, summary, input[type=checkbox]")) return;
    if (event.key.startsWith("Arrow") && target.closest("input[type=range]")) return;
    const action = {
      " ": toggle, k: toggle, m: startAnnotation, c: copyLink, s: () => { skip.checked = !skip.checked; },
      n: () => playNext("silence"), o: () => playNext("overlap"),
      "[": () => setPosition("offset"), "]": () => { setPosition("end"); annotationForm().elements.text.focus(); },
      ArrowLeft: () => seek(media.currentTime - 5), ArrowRight: () => seek(media.currentTime + 5),
      "<": () => changeSpeed(-1), ">": () => changeSpeed(1),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
})();
