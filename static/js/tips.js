// Shows a tooltip for the element under the pointer or with the focus: <… data-tip="text">, times (their
// data-exact), terms, also when they are tapped, and buttons with a description. Its text must also be
// in the element's own text, label or description, for screen readers.

const TERM = ".term[aria-description]";
const DESCRIBED = "button[aria-describedby]";
const OWNERS = `[data-tip], [data-exact], ${TERM}, ${DESCRIBED}`;
const GAP = 6; // pixels between a tip and its owner, and between a tip and the window's edge

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
let owner = null;

// Without this script, the style sheet shows terms.
document.documentElement.dataset.tips = "";

function place() {
  const { left, top, bottom } = owner.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  // Below the element, so that it is not covered; above it if there is no room below.
  const fits = bottom + GAP + tip.offsetHeight <= clientHeight;
  tip.style.left = `${Math.max(GAP, Math.min(left, clientWidth - tip.offsetWidth - GAP))}px`;
  tip.style.top = `${fits ? bottom + GAP : top - tip.offsetHeight - GAP}px`;
}

function show(element) {
  owner = element;
  if (!owner?.isConnected) return hide();
  tip.textContent =
    owner.dataset.tip ??
    owner.dataset.exact ??
    owner.getAttribute("aria-description") ??
    document.getElementById(owner.getAttribute("aria-describedby")).textContent;
  // A tip may cover the next button, which must stay within reach of the pointer.
  tip.style.pointerEvents = owner.matches(DESCRIBED) ? "none" : "";
  tip.hidden = false;
  place();
}

function hide() {
  owner = null;
  tip.hidden = true;
}

// Returns the element whose tip to show: the focused one, one around or inside it, or the time in its
// cell or row.
function ownerAt(focused) {
  return (
    focused.closest(OWNERS) ??
    focused.querySelector(OWNERS) ??
    focused.closest("td, th")?.querySelector("[data-exact]") ??
    focused.closest("tr")?.querySelector("[data-exact]")
  );
}

document.addEventListener("focusin", ({ target }) => {
  if (target.matches(TERM)) {
    show(target); // also if a tap gave it the focus
  } else if (target.matches("a, button, summary, [tabindex]:not(main)") && target.matches(":focus-visible")) {
    show(ownerAt(target));
  }
});
document.addEventListener("focusout", hide);

document.addEventListener("pointerover", ({ target }) => {
  const pointedAt = target.closest(OWNERS);
  if (pointedAt && pointedAt !== owner) show(pointedAt);
});
document.addEventListener("pointerout", ({ target, pointerType, relatedTarget }) => {
  // The page may scroll under a pointer that is elsewhere.
  if (!owner?.contains(target) && !tip.contains(target)) return;
  // A finger that is lifted leaves everything; the next tap moves the focus.
  if (pointerType === "touch" && owner.matches(TERM)) return;
  // Keep the tip while the pointer is on it, so that its text can be selected.
  if (!owner.contains(relatedTarget) && !tip.contains(relatedTarget)) hide();
});

document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
document.addEventListener("scroll", () => owner && place(), { capture: true, passive: true });
document.addEventListener("htmx:after:swap", () => owner && show(owner));
