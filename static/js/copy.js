// Buttons that copy the text of another element: <button data-copy="its-id">, from the macro
// copy_button. Without this script they are hidden, and one click still selects the text. The listener
// is on the document, because live updates add new buttons.

const SHOWN_MS = 2000;

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    // Only https and localhost have the clipboard API. Elsewhere, select the text and use execCommand.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
  return true;
}

document.documentElement.dataset.copies = true;
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || button.dataset.copied) return;
  const content = button.innerHTML;
  const done = await copy(document.getElementById(button.dataset.copy));
  button.dataset.copied = true;
  button.textContent = done ? "Copied" : "Selected: copy by hand";
  setTimeout(() => {
    button.innerHTML = content;
    delete button.dataset.copied;
  }, SHOWN_MS);
});
