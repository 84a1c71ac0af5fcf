// The player of a call's page: waveform, speed, channels, keys, annotations. Without it the browser's own controls play.
(() => {
  const nonce = document.currentScript.nonce;
  const players = [...document.querySelectorAll("[data-player]")].map(createPlayer);
  players.reduce((previous, player) => previous.then(() => drawWaveform(player)), Promise.resolve());  // in turn: a call may have many
  let current = players[0];
  for (const hint of document.querySelectorAll(".shortcuts")) hint.hidden = false;

  function formatTime(seconds) {
    const total = Math.floor(seconds), pad = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
    return hours ? `${hours}:${pad(minutes)}:${pad(total % 60)}` : `${minutes}:${pad(total % 60)}`;
  }

  function createPlayer(box) {
    const audio = box.querySelector("audio"), time = box.querySelector(".time"), speed = box.querySelector("[data-speed]");
    const self = { box, audio, showTime, card: box.closest("article"), seconds: 0, seek, changeSpeed, toggle, drawMarkers, startAnnotation };
    box.querySelector(".tools").hidden = false;
    for (const kind of ["timeupdate", "seeking", "durationchange"]) audio.addEventListener(kind, showTime);
    audio.addEventListener("play", () => { current = self; showProblem(""); });
    audio.addEventListener("error", explainError);
    speed.addEventListener("change", () => { audio.playbackRate = audio.defaultPlaybackRate = Number(speed.value); });
    box.querySelector("[data-channel]").addEventListener("change", (event) => routeChannel(self, event.target.value));
    showTime();
    return self;

    function showTime() { time.value = `${formatTime(audio.currentTime)} / ${formatTime(audio.duration || self.seconds)}`; }
    function toggle() { if (audio.paused) audio.play().catch(() => {}); else audio.pause(); }
    function seek(seconds) {
      audio.currentTime = Math.min(Math.max(seconds, 0), audio.duration || self.seconds || seconds);
      current = self;
      showTime();
    }
    function changeSpeed(steps) {
      const option = speed.options[speed.selectedIndex + steps];
      if (!option) return;
      speed.value = option.value;
      speed.dispatchEvent(new Event("change"));
    }
    function startAnnotation() {
      const form = self.card.querySelector("form.annotation");
      form.elements.offset.value = `${formatTime(audio.currentTime)}.${Math.floor(audio.currentTime * 10) % 10}`;
      form.elements.text.focus();
    }
    function drawMarkers() {
      const wave = box.querySelector(".wave");
      for (const old of wave.querySelectorAll(".marker")) old.remove();
      if (self.seconds) for (const button of self.card.querySelectorAll("[data-seek]")) {
        const marker = wave.appendChild(document.createElement("span"));
        marker.className = "marker";
        marker.style.left = `${button.dataset.seek / self.seconds / 10}%`;
      }
    }
    function showProblem(kind) {
      const problem = box.querySelector(".problem");
      problem.hidden = !kind;
      problem.textContent = kind ? problem.dataset[kind] : "";
    }
    function explainError() {
      fetch(audio.src, { headers: { range: "bytes=1-1" } })
        .then((response) => showProblem(response.status === 503 ? "busy" : "broken"), () => showProblem("broken"));
    }
  }

  async function drawWaveform(self) {
    const response = await fetch(self.box.dataset.waveform).catch(() => null);
    const waveform = response?.ok ? await response.json() : { levels: [] };
    if (!waveform.levels.length) return;
    const wave = self.box.querySelector(".wave"), style = getComputedStyle(wave), stereo = waveform.levels.length > 1;
    const colour = (name) => style.getPropertyValue(name).trim();
    self.seconds = waveform.milliseconds / 1000;
    wave.classList.add("drawn");
    WaveSurfer.create({
      container: wave, media: self.audio, duration: self.seconds, cspNonce: nonce, height: stereo ? 48 : 72, dragToSeek: true,
      peaks: waveform.levels.map((levels) => levels.map((level) => level / 255)), normalize: true, splitChannels: stereo ? [] : undefined,
      waveColor: colour("--stay"), progressColor: colour("--main"), cursorColor: colour("--text"), cursorWidth: 2,
    }).on("interaction", (seconds) => self.seek(seconds));
    for (const side of stereo ? ["left", "right"] : []) {
      const label = wave.appendChild(document.createElement("span"));
      label.className = `side ${side}`;
      label.textContent = self.box.dataset[side];
    }
    self.box.querySelector("[data-channel-choice]").hidden = !stereo || !window.AudioContext;
    self.drawMarkers();
    self.showTime();
  }

  // Play one channel on both sides. Web Audio is used only once a channel is chosen.
  function routeChannel(self, channel) {
    if (!self.context) {
      self.context = new AudioContext();
      self.source = self.context.createMediaElementSource(self.audio);
    }
    self.context.resume();
    self.source.disconnect();
    if (channel === "both") { self.source.connect(self.context.destination); return; }
    const splitter = self.context.createChannelSplitter(2), mono = self.context.createGain();
    self.source.connect(splitter);
    splitter.connect(mono, channel === "left" ? 0 : 1);
    mono.connect(self.context.destination);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (!button) return;
    players.find((player) => player.card.contains(button)).seek(button.dataset.seek / 1000);
  });
  document.addEventListener("htmx:after:swap", () => { for (const player of players) player.drawMarkers(); });
  document.addEventListener("keydown", (event) => {
    if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, audio, [contenteditable]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const action = {
      " ": () => current.toggle(), k: () => current.toggle(), m: () => current.startAnnotation(),
      ArrowLeft: () => current.seek(current.audio.currentTime - 5), ArrowRight: () => current.seek(current.audio.currentTime + 5),
      "<": () => current.changeSpeed(-1), ">": () => current.changeSpeed(1),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
})();
