// Buttons that copy the text of another element: <button data-copy="its-id" hidden>.
// Without this script they stay hidden; the text can be selected with one click all the same.

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

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copy));
    button.textContent = done ? "Copied" : "Selected: copy by hand";
    setTimeout(() => (button.textContent = label), SHOWN_MS);
  });
}
