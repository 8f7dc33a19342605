// Keeps the rows of a list that grows at its top, [data-log], in place while the reader uses them.
//
// The list follows its stream (macro live_sign) while its first row is visible. If the reader has
// scrolled past it or is about to use a row, a message with newer rows is dropped, and the stream is
// replaced by one that starts at the first row (?newest=its-id). Rows are still updated in place, and
// a link shows the number of newer ones. Without this script, new rows always appear immediately.

const RESTS_MS = 3000; // after this time without movement, the pointer is not about to click

let lastPointed = -RESTS_MS;

const log = () => document.querySelector("[data-log]");
const rows = (root) => root.querySelectorAll("tbody tr[id]");
const sign = () => document.querySelector("[data-live]");
const address = () => new URL(sign().getAttribute("hx-sse:connect"), location.href);
const isHeld = () => address().searchParams.has("newest");
const isGone = () => !log() || !sign(); // an error page has replaced the list

// Ids sort by time, so a row is newer if its id comes later.
const newestId = (root) => [...rows(root)].map((row) => row.id).reduce((a, b) => (a > b ? a : b), "");

function isReading() {
  const first = rows(log())[0];
  if (!first) return false;
  if (first.getBoundingClientRect().top < 0) return true;
  if (log().querySelector("tbody :focus-visible")) return true;
  return performance.now() - lastPointed < RESTS_MS;
}

// Replaces the stream by another one: htmx closes the stream of an element that it replaces.
async function connect(change) {
  const there = address();
  change(there.searchParams);
  const next = sign().cloneNode(true);
  next.removeAttribute("data-htmx-powered");
  next.setAttribute("hx-sse:connect", there.pathname + there.search);
  const hadFocus = sign().contains(document.activeElement);
  await htmx.swap({ text: next.outerHTML, target: sign(), sourceElement: sign(), swap: "outerHTML" });
  if (hadFocus) sign().querySelector(".live__button").focus({ preventScroll: true });
}

const hold = (id) => connect((query) => query.set("newest", id.replace(/^row-/, "")));
const follow = () => connect((query) => query.delete("newest"));

document.addEventListener("htmx:sse:before:message", (event) => {
  if (isGone()) return;
  const message = new DOMParser().parseFromString(event.detail.message.data, "text/html");
  const brought = message.getElementById(log().id);
  if (!brought || isHeld() || !isReading()) return;
  const shown = newestId(log());
  if (newestId(brought) <= shown) return;
  event.preventDefault();
  hold(shown);
});

function reconsider() {
  if (isGone()) return;
  if (isHeld() && log().querySelector("[data-show-newer]") && !isReading()) follow();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-show-newer]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.replaceState(history.state, "", link.href);
  lastPointed = -RESTS_MS;
  log().focus({ preventScroll: true });
  log().scrollIntoView({ block: "start" });
  follow();
});

document.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse" && event.target.closest?.("[data-log] :is(tbody, .newer)")) {
    lastPointed = performance.now();
  }
});

addEventListener("scroll", reconsider, { passive: true });
document.addEventListener("focusout", () => setTimeout(reconsider));
setInterval(reconsider, RESTS_MS / 3);

// The two fields for a time are rare, so their script comes only when they are shown.
const period = document.querySelector('select[name="period"]');
const showsTimes = () => period.value === "between" || !CSS.supports("selector(:has(*))");
const loadTimes = () => showsTimes() && import("./local_time.js");

loadTimes();
period.addEventListener("change", loadTimes);
