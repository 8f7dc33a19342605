// Keeps the "live" sign of a page (macro live_sign) honest: live, reconnecting or paused.
// The stream itself is the business of the htmx extension hx-sse, which tells by events what it does.

const WORDS = { live: "Live", reconnecting: "Reconnecting…", paused: "Paused" };

function show(sign, state) {
  sign.dataset.live = state;
  sign.querySelector(".live__word").textContent = WORDS[state];
}

function onSignEvent(eventName, react) {
  document.addEventListener(eventName, (event) => {
    const sign = event.target.closest?.("[data-live]");
    if (sign) react(sign);
  });
}

onSignEvent("htmx:sse:before:connection", (sign) => show(sign, "reconnecting"));
onSignEvent("htmx:sse:after:connection", (sign) => show(sign, "live"));
onSignEvent("htmx:sse:error", (sign) => show(sign, "reconnecting"));

// The extension repairs a stream that broke. One that could not even be opened is left to us.
for (const eventName of ["htmx:error", "htmx:response:error"]) {
  onSignEvent(eventName, (sign) => {
    show(sign, "reconnecting");
    sign.dispatchEvent(new Event("connect-again"));
  });
}

// In a background tab the extension lets go of its stream, since a browser has only six per host.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const sign of document.querySelectorAll("[data-live]")) show(sign, "paused");
});
