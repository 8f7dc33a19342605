// Shows the state of a live page in its sign (macro live_sign), and lets the reader pause and resume.
// The extension hx-sse handles the stream and reports its state.

// By state: the text of the sign and the label of its button.
const STATES = {
  live: ["Live", "pause updates"],
  reconnecting: ["Reconnecting…", "pause updates"],
  paused: ["Paused", "resume updates"],
};
// By the status of a stream that is over: what replaces the button, and what screen readers hear.
const ENDINGS = {
  401: [logInAgain, "Your session has ended. Log in again."],
  404: [deleted, "This was deleted. The page is no longer updated."],
};
const MAX_LEAVING_MS = 3000; // a page that is still there after this time was not left
const MIN_LOSS_MS = 3000; // a shorter loss of connection is not announced

const connections = new WeakMap(); // of the extension, by sign
const alarms = new WeakMap(); // timers that announce a loss of connection, by sign
const hasAnnouncedLoss = new WeakSet();
let isLeaving = false;

// Stored in the page, so that a replacement of this sign keeps it.
const isPausedByReader = (sign) => "pausedByReader" in sign.dataset;

const isOver = (sign) => "isOver" in sign.dataset;

function show(sign, state) {
  const [word, action] = STATES[state];
  sign.dataset.live = state;
  sign.querySelector(".live__word").textContent = word;
  const button = sign.querySelector(".live__button");
  button.ariaLabel = `${word}: ${action}`;
  button.hidden = false;
  replace(sign, [sign.querySelector(".live__reload")], button);
}

// Hides parts of a sign. A focus in them goes to the replacement, or Tab would begin at the top again.
function replace(sign, parts, replacement) {
  const hadFocus = parts.includes(document.activeElement);
  for (const part of parts) part.hidden = true;
  if (hadFocus) replacement.focus({ preventScroll: true });
}

// Announces a change to screen readers; only important ones, because they interrupt.
function announce(sign, text) {
  sign.querySelector(".live__news").textContent = text;
}

function isLive(sign) {
  clearTimeout(alarms.get(sign));
  alarms.delete(sign);
  show(sign, "live");
  if (hasAnnouncedLoss.delete(sign)) announce(sign, "The page is live again.");
}

function isReconnecting(sign) {
  show(sign, "reconnecting");
  if (alarms.has(sign)) return;
  const alarm = setTimeout(() => {
    hasAnnouncedLoss.add(sign);
    announce(sign, "The connection is lost. Trying again.");
  }, MIN_LOSS_MS);
  alarms.set(sign, alarm);
}

function logInAgain() {
  const link = document.createElement("a");
  // The address of the home page, which ends with "/": the server adds all before it to "next".
  const { home } = document.documentElement.dataset;
  const next = location.pathname.slice(home.length - 1) + location.search;
  link.href = `${home}login?next=${encodeURIComponent(next)}`;
  link.textContent = "Log in again";
  return link;
}

function deleted() {
  const word = document.createElement("span");
  word.textContent = "Deleted";
  word.tabIndex = -1; // can receive the focus of the button
  return word;
}

// Stops for good if the status says that asking again is useless. Returns whether it does.
function stopAt(sign, status) {
  if (!(status in ENDINGS)) return false;
  const [makeReplacement, announcement] = ENDINGS[status];
  clearTimeout(alarms.get(sign));
  alarms.delete(sign);
  sign.dataset.isOver = "";
  sign.dataset.live = "over";
  const replacement = makeReplacement();
  sign.append(replacement);
  replace(sign, [...sign.querySelectorAll(".live__button, .live__reload")], replacement);
  announce(sign, announcement);
  return true;
}

function pause(sign) {
  clearTimeout(alarms.get(sign));
  alarms.delete(sign);
  sign.dataset.pausedByReader = "";
  connections.get(sign)?.abortController.abort();
  show(sign, "paused");
  announce(sign, "The page is paused.");
}

function resume(sign) {
  delete sign.dataset.pausedByReader;
  hasAnnouncedLoss.add(sign);
  isReconnecting(sign);
  sign.dispatchEvent(new Event("resume")); // the first message brings the current page
}

function onSignEvent(eventName, react) {
  document.addEventListener(eventName, (event) => {
    const sign = event.target.closest?.("[data-live]");
    if (sign) react(sign, event);
  });
}

// While the reader pauses, keep the extension from connecting and drop messages that still arrive.
onSignEvent("htmx:sse:before:connection", (sign, event) => {
  if (isLeaving || isOver(sign) || isPausedByReader(sign)) event.preventDefault();
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
onSignEvent("htmx:sse:error", (sign, event) => {
  if (stopAt(sign, event.detail.status)) return;
  if (!isPausedByReader(sign)) isReconnecting(sign);
});

// The extension reconnects a broken stream. If a stream could not be opened, do it here.
for (const eventName of ["htmx:error", "htmx:response:error"]) {
  onSignEvent(eventName, (sign, event) => {
    if (isOver(sign) || stopAt(sign, event.detail.ctx?.response?.status)) return;
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

// Close the streams, also those that are still opening: Firefox logs an error for each it interrupts.
addEventListener("beforeunload", () => {
  isLeaving = true;
  for (const sign of document.querySelectorAll("[data-live]")) {
    connections.get(sign)?.abortController.abort();
    sign.dispatchEvent(new Event("htmx:abort"));
  }
  setTimeout(stay, MAX_LEAVING_MS);
});

// The reader stayed, for example because the link was a download, or has come back.
function stay() {
  if (!isLeaving) return;
  isLeaving = false;
  for (const sign of document.querySelectorAll("[data-live]")) {
    if (!isOver(sign) && !isPausedByReader(sign)) sign.dispatchEvent(new Event("resume"));
  }
}

addEventListener("pageshow", stay);

// In a background tab the extension closes its stream: a browser allows only six per host.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const sign of document.querySelectorAll("[data-live]")) {
    if (isOver(sign)) continue;
    clearTimeout(alarms.get(sign));
    alarms.delete(sign);
    show(sign, "paused");
  }
});
