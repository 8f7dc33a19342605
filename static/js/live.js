// Keeps the sign of a live page (macro live_sign) honest, and lets the reader pause and resume.
// The stream itself is the business of the htmx extension hx-sse, which tells by events what it does.

// By state: what the sign says, and what its button does.
const STATES = {
  live: ["Live", "pause updates"],
  reconnecting: ["Reconnecting…", "pause updates"],
  paused: ["Paused", "resume updates"],
};
const WORTH_TELLING_MS = 3000; // a shorter loss is nobody's business

const connections = new WeakMap(); // the extension's, by sign
const alarms = new WeakMap(); // the timers that will tell of a loss
const toldOfLoss = new WeakSet();

// In the page itself, so that it holds for a sign that takes the place of this one, too.
const isPausedByReader = (sign) => "pausedByReader" in sign.dataset;

function show(sign, state) {
  const [word, action] = STATES[state];
  sign.dataset.live = state;
  sign.querySelector(".live__word").textContent = word;
  const button = sign.querySelector(".live__button");
  button.ariaLabel = `${word}: ${action}`;
  button.hidden = false;
  sign.querySelector(".live__reload").hidden = true;
}

// For screen readers, and only what matters to somebody who listens to something else.
function tell(sign, news) {
  sign.querySelector(".live__news").textContent = news;
}

function isLive(sign) {
  clearTimeout(alarms.get(sign));
  alarms.delete(sign);
  show(sign, "live");
  if (toldOfLoss.delete(sign)) tell(sign, "The page is live again.");
}

function isReconnecting(sign) {
  show(sign, "reconnecting");
  if (alarms.has(sign)) return;
  const alarm = setTimeout(() => {
    toldOfLoss.add(sign);
    tell(sign, "The connection is lost. Trying again.");
  }, WORTH_TELLING_MS);
  alarms.set(sign, alarm);
}

function pause(sign) {
  clearTimeout(alarms.get(sign));
  alarms.delete(sign);
  sign.dataset.pausedByReader = "";
  connections.get(sign)?.abortController.abort();
  show(sign, "paused");
  tell(sign, "The page is paused.");
}

function resume(sign) {
  delete sign.dataset.pausedByReader;
  toldOfLoss.add(sign);
  isReconnecting(sign);
  sign.dispatchEvent(new Event("resume")); // the first message is the page as it is by now
}

function onSignEvent(eventName, react) {
  document.addEventListener(eventName, (event) => {
    const sign = event.target.closest?.("[data-live]");
    if (sign) react(sign, event);
  });
}

// While the reader pauses, the extension may not connect, and what was under way is not shown.
onSignEvent("htmx:sse:before:connection", (sign, event) => {
  if (isPausedByReader(sign)) event.preventDefault();
  else isReconnecting(sign);
});
onSignEvent("htmx:sse:after:connection", (sign, event) => {
  const { connection } = event.detail;
  connections.set(sign, connection);
  if (isPausedByReader(sign)) connection.abortController.abort();
  else isLive(sign);
});
onSignEvent("htmx:sse:before:message", (sign, event) => {
  if (isPausedByReader(sign)) event.preventDefault();
});
onSignEvent("htmx:sse:error", (sign) => {
  if (!isPausedByReader(sign)) isReconnecting(sign);
});

// The extension repairs a stream that broke. One that could not even be opened is left to us.
for (const eventName of ["htmx:error", "htmx:response:error"]) {
  onSignEvent(eventName, (sign) => {
    if (isPausedByReader(sign)) return;
    isReconnecting(sign);
    sign.dispatchEvent(new Event("connect-again"));
  });
}

onSignEvent("click", (sign, event) => {
  if (!event.target.closest(".live__button")) return;
  if (isPausedByReader(sign)) resume(sign);
  else pause(sign);
});

// In a background tab the extension lets go of its stream, since a browser has only six per host.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const sign of document.querySelectorAll("[data-live]")) {
    clearTimeout(alarms.get(sign));
    alarms.delete(sign);
    show(sign, "paused");
  }
});
