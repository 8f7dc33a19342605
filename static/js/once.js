// The second click of a double click must not send a nonce that an update has just brought.
document.addEventListener("click", (event) => {
  const button = event.detail > 1 && event.target.closest("button");
  if (button?.name === "_nonce" || button?.form?.elements._nonce) event.preventDefault();
}, true);
