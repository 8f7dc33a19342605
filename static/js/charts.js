// Arrow keys, Home and End move the focus between the columns of a chart; for Tab, a chart is one
// stop. Without this script only the newest column can be focused; the table has all numbers.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const column = event.target.closest?.(".chart__plot > g");
  const step = STEPS[event.key];
  if (!column || step === undefined) return;
  event.preventDefault();
  const columns = [...column.parentElement.querySelectorAll(":scope > g")];
  const wanted = columns.indexOf(column) + step;
  const next = columns[Math.min(Math.max(wanted, 0), columns.length - 1)];
  column.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
});
