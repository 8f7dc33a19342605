// Shows a small text beside what is pointed at or focused: <… data-tip="text">, and times, which get
// data-exact from static/js/times.js. It is for the eye alone: whatever it says must also stand in
// the element's own text or label, for those who hear the page.

const OWNERS = "[data-tip], [data-exact]";
const GAP = 6; // pixels between a tip and its owner, and between a tip and the window's edge

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
let owner = null;

function place() {
  const { left, top, bottom } = owner.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  // Below, where it does not cover what has the focus, unless the window ends there.
  const fits = bottom + GAP + tip.offsetHeight <= clientHeight;
  tip.style.left = `${Math.max(GAP, Math.min(left, clientWidth - tip.offsetWidth - GAP))}px`;
  tip.style.top = `${fits ? bottom + GAP : top - tip.offsetHeight - GAP}px`;
}

function show(element) {
  owner = element;
  if (!owner?.isConnected) return hide();
  tip.textContent = owner.dataset.tip ?? owner.dataset.exact;
  tip.hidden = false;
  place();
}

function hide() {
  owner = null;
  tip.hidden = true;
}

// The focus shows the tip of what it is on or around; in a table, the time of its cell or its row.
function ownerAt(focused) {
  return (
    focused.closest(OWNERS) ??
    focused.querySelector(OWNERS) ??
    focused.closest("td, th")?.querySelector("[data-exact]") ??
    focused.closest("tr")?.querySelector("[data-exact]")
  );
}

document.addEventListener("focusin", ({ target }) => {
  if (target.matches("a, button, summary, [tabindex]:not(main)") && target.matches(":focus-visible")) {
    show(ownerAt(target));
  }
});
document.addEventListener("focusout", hide);

document.addEventListener("pointerover", ({ target }) => {
  const pointedAt = target.closest(OWNERS);
  if (pointedAt && pointedAt !== owner) show(pointedAt);
});
document.addEventListener("pointerout", ({ relatedTarget }) => {
  // Whoever wants to read or select the tip itself may go there.
  if (owner && !owner.contains(relatedTarget) && !tip.contains(relatedTarget)) hide();
});

document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
document.addEventListener("scroll", () => owner && place(), { capture: true, passive: true });
document.addEventListener("htmx:after:swap", () => owner && show(owner));
