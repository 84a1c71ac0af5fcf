// The wallboard refreshes itself while it is visible, and fills the screen.
const BOARD_MS = 5_000;
function refreshBoard() {
  if (!document.hidden) document.body.dispatchEvent(new Event("refresh-board"));
}
setInterval(refreshBoard, BOARD_MS);
document.addEventListener("visibilitychange", refreshBoard);
for (const button of document.querySelectorAll("button[data-fullscreen]")) {
  const board = document.getElementById(button.dataset.fullscreen);
  if (!board.requestFullscreen) continue;
  button.hidden = false;
  button.addEventListener("click", () => board.requestFullscreen());
}
