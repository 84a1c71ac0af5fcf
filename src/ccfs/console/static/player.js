// The player of a call's page: waveform, speed, channels, keys, marks. Without it there is still the browser's own player.
(() => {
  const nonce = document.currentScript.nonce;
  const players = [...document.querySelectorAll("[data-player]")].map(player);
  players.reduce((before, one) => before.then(() => draw(one)), Promise.resolve());  // in turn: a call may have many
  let current = players[0];
  for (const hint of document.querySelectorAll(".shortcuts")) hint.hidden = false;

  function clock(seconds) {
    const all = Math.floor(seconds), two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
  }

  function player(box) {
    const audio = box.querySelector("audio"), time = box.querySelector(".time"), speed = box.querySelector("[data-speed]");
    const self = { box, audio, tell, card: box.closest("article"), seconds: 0, seek, faster, toggle, ticks, mark };
    box.querySelector(".tools").hidden = false;
    for (const kind of ["timeupdate", "seeking", "durationchange"]) audio.addEventListener(kind, tell);
    audio.addEventListener("play", () => { current = self; wrong(""); });
    audio.addEventListener("error", why);
    speed.addEventListener("change", () => { audio.playbackRate = audio.defaultPlaybackRate = Number(speed.value); });
    box.querySelector("[data-channel]").addEventListener("change", (event) => route(self, event.target.value));
    tell();
    return self;

    function tell() { time.value = `${clock(audio.currentTime)} / ${clock(audio.duration || self.seconds)}`; }
    function toggle() { if (audio.paused) audio.play().catch(() => {}); else audio.pause(); }
    function seek(seconds) {
      audio.currentTime = Math.min(Math.max(seconds, 0), audio.duration || self.seconds || seconds);
      current = self;
      tell();
    }
    function faster(steps) {
      const to = speed.options[speed.selectedIndex + steps];
      if (!to) return;
      speed.value = to.value;
      speed.dispatchEvent(new Event("change"));
    }
    function mark() {
      const form = self.card.querySelector("form.annotation");
      form.elements.offset.value = `${clock(audio.currentTime)}.${Math.floor(audio.currentTime * 10) % 10}`;
      form.elements.text.focus();
    }
    function ticks() {
      const wave = box.querySelector(".wave");
      for (const old of wave.querySelectorAll(".marker")) old.remove();
      if (self.seconds) for (const one of self.card.querySelectorAll("[data-seek]")) {
        const tick = wave.appendChild(document.createElement("span"));
        tick.className = "marker";
        tick.style.left = `${one.dataset.seek / self.seconds / 10}%`;
      }
    }
    function wrong(kind) {
      const told = box.querySelector(".problem");
      told.hidden = !kind;
      told.textContent = kind ? told.dataset[kind] : "";
    }
    function why() {
      fetch(audio.src, { headers: { range: "bytes=1-1" } })
        .then((answer) => wrong(answer.status === 503 ? "busy" : "broken"), () => wrong("broken"));
    }
  }

  async function draw(self) {
    const answer = await fetch(self.box.dataset.waveform).catch(() => null);
    const found = answer?.ok ? await answer.json() : { levels: [] };
    if (!found.levels.length) return;
    const wave = self.box.querySelector(".wave"), look = getComputedStyle(wave), stereo = found.levels.length > 1;
    const colour = (name) => look.getPropertyValue(name).trim();
    self.seconds = found.milliseconds / 1000;
    wave.classList.add("drawn");
    WaveSurfer.create({
      container: wave, media: self.audio, duration: self.seconds, cspNonce: nonce, height: stereo ? 48 : 72, dragToSeek: true,
      peaks: found.levels.map((levels) => levels.map((level) => level / 255)), normalize: true, splitChannels: stereo ? [] : undefined,
      waveColor: colour("--stay"), progressColor: colour("--main"), cursorColor: colour("--text"), cursorWidth: 2,
    }).on("interaction", (seconds) => self.seek(seconds));
    for (const side of stereo ? ["left", "right"] : []) {
      const label = wave.appendChild(document.createElement("span"));
      label.className = `side ${side}`;
      label.textContent = self.box.dataset[side];
    }
    self.box.querySelector("[data-sides]").hidden = !stereo || !window.AudioContext;
    self.ticks();
    self.tell();
  }

  // One channel to both ears. The way through Web Audio is taken only once it is asked for.
  function route(self, which) {
    if (!self.context) {
      self.context = new AudioContext();
      self.source = self.context.createMediaElementSource(self.audio);
    }
    self.context.resume();
    self.source.disconnect();
    if (which === "both") { self.source.connect(self.context.destination); return; }
    const apart = self.context.createChannelSplitter(2), one = self.context.createGain();
    self.source.connect(apart);
    apart.connect(one, which === "left" ? 0 : 1);
    one.connect(self.context.destination);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (!button) return;
    players.find((one) => one.card.contains(button)).seek(button.dataset.seek / 1000);
  });
  document.addEventListener("htmx:after:swap", () => { for (const one of players) one.ticks(); });
  document.addEventListener("keydown", (event) => {
    if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, audio, [contenteditable]")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const does = {
      " ": () => current.toggle(), k: () => current.toggle(), m: () => current.mark(),
      ArrowLeft: () => current.seek(current.audio.currentTime - 5), ArrowRight: () => current.seek(current.audio.currentTime + 5),
      "<": () => current.faster(-1), ">": () => current.faster(1),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
})();
