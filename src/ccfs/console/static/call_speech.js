// Silences that the player skips: those that the server found by voice detection, else by loudness. Seconds on the call's axis.
function chooseSilences(parts, byLoudness) {
  return parts.flatMap((part) => {
    const known = part.audios.map((audio) => audio.dataset.silences).find((text) => text !== undefined);
    if (known !== undefined) return JSON.parse(known).map(([begin, end]) => [begin / 1000, end / 1000]);
    const last = part.begin + part.length;
    return byLoudness.map(([begin, end]) => [Math.max(begin, part.begin), Math.min(end, last)]).filter(([begin, end]) => end > begin);
  });
}

// Return the second of the next mark of a kind after a second; undefined if there is none.
function findNextMark(kind, seconds) {
  const begins = [...document.querySelectorAll(`.speech-bars a[data-kind=${kind}]`)].map((link) => link.dataset.seek / 1000);
  return begins.sort((one, other) => one - other).find((begin) => begin > seconds + 0.5);
}
