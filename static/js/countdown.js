// Ticks every element with data-countdown="2026-11-23T12:00:00Z" down to that moment.
// Without this script the exact time beside it still says when.

const TICK_MS = 250;

function remaining(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds <= 0) return "due now";
  if (seconds < 120) return `in ${seconds} s`;
  if (seconds < 7200) return `in ${Math.round(seconds / 60)} min`;
  return `in ${Math.round(seconds / 3600)} h`;
}

function tick() {
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const text = remaining(Date.parse(element.dataset.countdown) - Date.now());
    if (element.textContent !== text) element.textContent = text;
  }
}

tick();
setInterval(tick, TICK_MS);
document.addEventListener("htmx:after:swap", tick);
