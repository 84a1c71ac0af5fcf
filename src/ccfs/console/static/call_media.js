// The recordings of a call as one medium on the call's time axis, for wavesurfer.js and the controls. Times are in seconds.
// A part is one recording, or two that are heard together: the caller's and the agent's. Gaps between parts are skipped.
class CallMedia extends EventTarget {
  constructor(audios, length) {
    super();
    Object.assign(this, { length, position: 0, part: null, parts: [], isPlaying: false, rate: 1, loudness: 1, src: "", currentSrc: "" });
    this.tracks = groupByTrack(audios);
    for (const parts of this.tracks.values()) for (const part of parts) for (const audio of part.audios) this.listenTo(audio, part);
    this.selectTrack(Math.min(...this.tracks.keys()));
  }

  get duration() { return this.length; }
  get paused() { return !this.isPlaying; }
  get ended() { return false; }
  get seeking() { return Boolean(this.part?.lead.seeking); }
  get readyState() { return this.part ? this.part.lead.readyState : 0; }
  get error() { return this.part?.lead.error || null; }
  get currentTime() { return this.part ? this.part.begin + this.part.lead.currentTime : this.position; }
  get playbackRate() { return this.rate; }
  set playbackRate(rate) {
    this.rate = rate;
    for (const audio of this.part?.audios || []) audio.playbackRate = audio.defaultPlaybackRate = rate;
    this.emit("ratechange");
  }
  get volume() { return this.loudness; }
  set volume(volume) {
    this.loudness = volume;
    for (const audio of this.part?.audios || []) audio.volume = volume;
    this.emit("volumechange");
  }
  get muted() { return this.loudness === 0; }
  get preservesPitch() { return true; }
  set preservesPitch(value) {}
  load() {}
  canPlayType() { return "maybe"; }

  set currentTime(seconds) {
    this.position = Math.min(Math.max(seconds, 0), this.length);
    const here = this.partAt(this.position), part = here || (this.isPlaying ? this.partAfter(this.position) : null);
    if (part) this.enter(part, here ? this.position - part.begin : 0);
    else { this.leave(); if (this.isPlaying) this.stop(); }
    this.emit("seeking");
    this.emit("timeupdate");
  }

  async play() {
    if (this.isPlaying) return;
    const at = this.currentTime, here = this.partAt(at), part = here || this.partAfter(at) || this.parts[0];
    if (!part) return;
    this.isPlaying = true;
    this.enter(part, here ? at - part.begin : 0);
    this.emit("play");
  }

  pause() {
    if (!this.isPlaying) return;
    this.stop();
  }

  selectTrack(number) {
    const at = this.currentTime;
    this.track = number;
    this.parts = this.tracks.get(number) || [];
    if (this.part && !this.parts.includes(this.part)) { this.leave(); this.currentTime = at; }
  }

  stop() {
    this.position = this.currentTime;
    this.isPlaying = false;
    for (const audio of this.part?.audios || []) audio.pause();
    this.emit("pause");
  }

  // Move into a part; what played before falls silent.
  enter(part, offset) {
    if (this.part !== part) this.leave();
    this.part = part;
    for (const audio of part.audios) {
      if (Math.abs(audio.currentTime - offset) > 0.01 || audio.ended) audio.currentTime = offset;
      audio.playbackRate = audio.defaultPlaybackRate = this.rate;
      audio.volume = this.loudness;
      if (this.isPlaying && audio.paused) audio.play().catch((reason) => { if (reason.name === "NotAllowedError") this.stop(); });
    }
  }

  leave() {
    const left = this.part;
    this.part = null;
    for (const audio of left?.audios || []) audio.pause();
  }

  partEnd(part) { return part.begin + (part.lead.duration || part.length); }
  partAt(seconds) { return this.parts.find((part) => seconds >= part.begin && seconds < this.partEnd(part) - 0.02); }
  partAfter(seconds) { return this.parts.find((part) => part.begin >= seconds - 0.02); }
  emit(kind) { this.dispatchEvent(new Event(kind)); }

  listenTo(audio, part) {
    audio.addEventListener("play", () => {
      if (this.part === part && this.isPlaying) return;
      if (!this.parts.includes(part)) { this.selectTrack(Number(audio.dataset.track)); this.emit("trackchange"); }
      if (this.part !== part) this.leave();
      this.part = part;
      this.isPlaying = true;
      this.emit("play");
    });
    audio.addEventListener("pause", () => { if (this.part === part && this.isPlaying && !audio.ended && audio === part.lead) this.stop(); });
    audio.addEventListener("ended", () => { if (this.part === part && audio === part.lead) this.goOn(part); });
    audio.addEventListener("error", () => {
      if (this.part !== part) return;
      this.failed = audio;
      this.stop();
      this.emit("error");
    });
    for (const kind of ["timeupdate", "seeking", "seeked", "durationchange", "playing", "waiting"]) {
      audio.addEventListener(kind, () => {
        if (this.part !== part || audio !== part.lead) return;
        if (kind === "timeupdate") for (const other of part.audios) {
          if (other !== audio && !other.seeking && Math.abs(other.currentTime - audio.currentTime) > 0.15) other.currentTime = audio.currentTime;
        }
        this.emit(kind);
      });
    }
  }

  goOn(part) {
    const end = this.partEnd(part), next = this.parts[this.parts.indexOf(part) + 1];
    this.leave();
    this.position = end;
    if (next && this.isPlaying) { this.enter(next, 0); this.emit("timeupdate"); return; }
    this.isPlaying = false;
    this.emit("timeupdate");
    this.emit("pause");
    this.emit("ended");
  }
}

// Return the parts of each track in order. Two files of one track that begin together are one part.
function groupByTrack(audios) {
  const tracks = new Map();
  for (const audio of audios) {
    const { track, offset, length, lane } = audio.dataset, begin = offset / 1000, number = Number(track);
    const parts = tracks.get(number) || tracks.set(number, []).get(number), last = parts.at(-1);
    if (last && lane !== "both" && last.lanes.at(-1) !== "both" && Math.abs(last.begin - begin) <= 1 && !last.lanes.includes(lane)) {
      last.audios.push(audio);
      last.lanes.push(lane);
      if (length / 1000 > last.length) Object.assign(last, { length: length / 1000, lead: audio });
    } else parts.push({ begin, length: length / 1000, audios: [audio], lanes: [lane], lead: audio });
  }
  return tracks;
}
