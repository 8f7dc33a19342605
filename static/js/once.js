// The second click of a double click must not send the nonce that a live update has just brought.
const isOnce = ({ form, name }) => name === "_nonce" || form?.elements._nonce;

document.addEventListener("click", (event) => {
  const button = event.detail > 1 && event.target.closest("button");
  if (button && isOnce(button)) event.preventDefault();
}, true);
