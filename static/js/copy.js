// Buttons that copy the text of another element: <button data-copy="its-id">, as the macro copy_button
// makes them. Without this script they are not shown; the text can be selected with one click all the
// same. The page is listened to as a whole, since live updates bring new buttons.

const SHOWN_MS = 2000;

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    // Away from https and localhost there is no clipboard for scripts: select, and use the old way.
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
