// Applies a choice from the menu "Appearance" at once, so that a live page need not be loaded again.
// The form's answer is the cookie; without this script the browser follows it and shows the page anew.

async function remember(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  // A redirect that is not followed is the answer to expect; anything else is not remembered.
  if (answer.type !== "opaqueredirect") location.reload();
}

function apply({ name, value }) {
  document.documentElement.dataset[name] = value;
  if (name !== "theme") return;
  const scheme = document.querySelector("meta[name=color-scheme]");
  scheme.content = value === "system" ? "light dark" : value;
}

function mark(chosen) {
  for (const button of chosen.parentElement.children) {
    button.setAttribute("aria-pressed", button === chosen);
  }
}

for (const menu of document.querySelectorAll(".appearance")) {
  const form = menu.querySelector("form");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(event.submitter);
    mark(event.submitter);
    remember(form, event.submitter);
  });

  // As menus do: Escape and a click elsewhere close it.
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}
