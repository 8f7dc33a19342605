// Applies a choice from the menu "Appearance" without a reload. The response to the form sets the
// cookie. Without this script, the browser follows its redirect to the page.

async function save(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  // Success is a redirect, which fetch does not follow. After anything else, the choice was not saved.
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

  // The focus must not stay on a button that is no longer shown.
  function close() {
    menu.open = false;
    menu.querySelector("summary").focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(event.submitter);
    mark(event.submitter);
    save(form, event.submitter);
    close();
  });

  // A choice, Escape and a click elsewhere close the menu: it covers the page that it changes.
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) close();
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}
