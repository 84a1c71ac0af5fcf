// The waveform of a call: the peaks that the server computed for its recordings, in their places on the call's axis.
const CALL_WAVE_NONCE = document.currentScript.nonce;
const SILENCE_SECONDS = 2, QUIET_LEVEL = 0.03;

class CallWave {
  constructor(wave, media, showProblem) {
    Object.assign(this, { wave, media, showProblem, silences: [], isStereo: false, known: new Map(), drawn: null });
    wave.dataset.state = "waiting";
  }

  // Fetch the waveforms of the track's recordings, in turn, and draw them. A later call replaces an earlier one.
  async show() {
    const parts = this.media.parts, shown = this.shown = {};
    this.silences = chooseSilences(parts, []);
    const levels = [];
    for (const part of parts) for (const [index, audio] of part.audios.entries()) {
      const waveform = await this.fetch(audio);
      if (this.shown !== shown) return;
      if (waveform.milliseconds) part.length = Math.max(index ? part.length : 0, waveform.milliseconds / 1000);
      levels.push({ part, lane: part.lanes[index], waveform, audio });
    }
    this.draw(levels);
  }

  async fetch(audio) {
    const address = audio.dataset.waveform;
    if (this.known.has(address)) return this.known.get(address);
    const response = await fetch(address, { redirect: "manual" }).catch(() => null);
    if (response?.headers.get("ccfs-session") === "ended") this.showProblem("expired");
    const waveform = response?.ok ? await response.json() : { milliseconds: 0, levels: [] };
    if (response?.ok) this.known.set(address, waveform);
    return waveform;
  }

  draw(levels) {
    const { wave, media } = this, drawn = levels.filter(({ waveform }) => waveform.levels.length);
    this.isStereo = drawn.some(({ waveform }) => waveform.levels.length > 1);
    const isPair = drawn.some(({ lane }) => lane !== "both"), lanes = this.isStereo || isPair ? 2 : 1;
    const count = Math.min(6000, Math.max(600, Math.ceil(media.length * 20)));
    const peaks = Array.from({ length: lanes }, () => new Float32Array(count));
    for (const { part, lane, waveform } of drawn) placePeaks(peaks, part.begin / media.length, waveform, lane, media.length);
    this.silences = chooseSilences(media.parts, findSilences(peaks, media.length));
    this.drawn?.destroy();
    this.drawn = null;
    for (const label of wave.querySelectorAll(".side")) label.remove();
    wave.dataset.state = drawn.length ? "drawn" : "none";
    if (!drawn.length) return;
    const style = getComputedStyle(wave), colour = (name) => style.getPropertyValue(name).trim();
    this.drawn = WaveSurfer.create({
      container: wave, media, duration: media.length, cspNonce: CALL_WAVE_NONCE, height: lanes > 1 ? 44 : 88, dragToSeek: true,
      peaks, normalize: true, splitChannels: lanes > 1 ? [{}, {}] : undefined, barWidth: 2, barGap: 1, barRadius: 1,
      waveColor: colour("--stay"), progressColor: colour("--main"), cursorColor: colour("--text"), cursorWidth: 2,
    });
    this.drawn.on("interaction", (seconds) => wave.dispatchEvent(new CustomEvent("pick", { detail: seconds })));
    this.drawn.on("ready", () => media.emit("timeupdate"));
    if (lanes > 1) this.nameLanes(isPair);
  }

  // The switch records the side that began the call on the left.
  nameLanes(isPair) {
    const { laneCaller, laneAgent, laneCallee, direction } = this.wave.dataset;
    const names = direction === "outbound" && !isPair ? [laneAgent, laneCallee] : [laneCaller, laneAgent];
    for (const [index, name] of names.entries()) {
      const label = this.wave.appendChild(document.createElement("span"));
      label.className = `side ${index ? "right" : "left"}`;
      label.textContent = name;
    }
  }
}

// Write the levels of one recording into the call's peaks, the highest of those that share a place.
function placePeaks(peaks, begin, { milliseconds, levels }, lane, length) {
  const count = peaks[0].length, first = Math.round(begin * count), width = Math.max(1, milliseconds / 1000 / length * count);
  for (const [index, target] of peaks.entries()) {
    if (lane !== "both" && peaks.length > 1 && (lane === "agent") !== (index === 1)) continue;
    const source = levels[Math.min(index, levels.length - 1)];
    for (let at = 0; at < source.length; at += 1) {
      const from = first + Math.floor(at / source.length * width), to = Math.max(from + 1, first + Math.floor((at + 1) / source.length * width));
      for (let place = from; place < to && place < count; place += 1) target[place] = Math.max(target[place], source[at] / 255);
    }
  }
}

// Return [begin, end] of what is quiet in every lane for long.
function findSilences(peaks, length) {
  const silences = [];
  let at = 0;
  for (const [begin, end] of [...loudSpans(peaks, length), [length, length]]) {
    if (begin - at >= SILENCE_SECONDS) silences.push([at, begin]);
    at = end;
  }
  return silences;
}

function loudSpans(peaks, length) {
  const count = peaks[0].length, level = (at) => Math.max(...peaks.map((lane) => lane[at]));
  let most = 0;
  for (let at = 0; at < count; at += 1) most = Math.max(most, level(at));
  const spans = [];
  for (let at = 0; at < count; at += 1) if (level(at) > QUIET_LEVEL * most) spans.push([at / count * length, (at + 1) / count * length]);
  return spans;
}
