// Shows times for people. Without it, each <time> (macro moment) shows the exact time in UTC. With it,
// depending on data-moment:
//   none       "12 s ago", ticking
//   countdown  "in 12 s", ticking down to "due now"
//   exact      the exact time in the reader's time zone
// Elements that cannot be a <time>, such as text in a picture, count down with data-countdown.
// Ticking times also contain the exact time: as text for screen readers, and as data-exact for tips.js.

const TICK_MS = 500;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const longAgo = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const rendered = new WeakMap(); // the time that was rendered, by element

const digits = (number, count) => String(number).padStart(count, "0");
const twoDigits = (number) => digits(number, 2);

// Returns the local offset from UTC at that time, such as "UTC+2".
export function offset(time) {
  const minutes = -time.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${twoDigits(rest)}` : ""}`;
}

function exact(element) {
  const time = new Date(element.dateTime);
  const month = [time.getMonth() + 1, time.getDate()].map(twoDigits).join("-");
  const day = `${digits(time.getFullYear(), 4)}-${month}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":");
  const fraction = "milliseconds" in element.dataset ? `.${element.dateTime.slice(-4, -1)}` : "";
  return `${day} ${clock}${fraction} ${offset(time)}`;
}

function inUnits(seconds) {
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  return `${Math.floor(seconds / HOUR)} h`;
}

function calendarDaysSince(time) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(new Date()) - midnight(time)) / (1000 * DAY));
}

function relative(time) {
  const seconds = Math.floor((Date.now() - time) / 1000);
  if (Math.abs(seconds) < 2) return "just now"; // the clocks of server and reader may differ
  if (seconds < 0) return -seconds < DAY ? `in ${inUnits(-seconds)}` : longAgo.format(time);
  if (seconds < DAY) return `${inUnits(seconds)} ago`;
  const days = calendarDaysSince(time);
  if (days === 1) return "yesterday";
  return days < 7 ? `${days} days ago` : longAgo.format(time);
}

function countdown(time) {
  const seconds = Math.ceil((time - Date.now()) / 1000);
  if (seconds <= 0) return "due now";
  if (seconds < 2 * MINUTE) return `in ${seconds} s`;
  if (seconds < 2 * HOUR) return `in ${Math.round(seconds / MINUTE)} min`;
  return `in ${Math.round(seconds / HOUR)} h`;
}

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function render(element) {
  rendered.set(element, element.dateTime);
  // Keep the server's text of an invalid time; the others must still be rendered.
  if (Number.isNaN(Date.parse(element.dateTime))) return;
  const text = exact(element);
  if (element.dataset.moment === "exact") {
    element.textContent = text;
    return;
  }
  const ticking = span("time__ticking", "");
  ticking.setAttribute("aria-hidden", "true");
  element.replaceChildren(ticking, span("time__exact visually-hidden", text));
  element.dataset.exact = zone === "UTC" ? text : `${text}, ${zone}`;
  // Links, summaries and rows get the focus anyway; a log has a hundred times.
  if (!element.closest("a, button, summary, label, tr")) element.tabIndex = 0;
}

function tick() {
  for (const element of document.querySelectorAll("time")) {
    if (rendered.get(element) !== element.dateTime) render(element);
    const ticking = element.querySelector(".time__ticking");
    if (!ticking) continue;
    const format = element.dataset.moment === "countdown" ? countdown : relative;
    const text = format(new Date(element.dateTime));
    if (ticking.textContent !== text) ticking.textContent = text;
  }
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const text = countdown(new Date(element.dataset.countdown));
    if (element.textContent !== text) element.textContent = text;
  }
}

tick();
setInterval(tick, TICK_MS);
document.addEventListener("htmx:after:swap", tick); // before the browser paints
