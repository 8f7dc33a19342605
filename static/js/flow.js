// Lets the travellers of the picture travel (templates/shop/flow).
//
// The server says, with each update, where every traveller is now, and by which steps it came. What
// is new of that way is played here, step by step, by a ghost that flies above the picture, while
// the traveller itself is hidden at the place where it will land. The numbers wait for nobody, and
// whoever asked for reduced motion sees everyone in place at once.

const HOP_MS = 340;
const FAST_HOP_MS = 170; // for whoever has a long way to catch up
const STAGGER_MS = 110; // between orders that set out at the same time
const MANY = 7; // as many on the same way fly as one
const MOST_FLIGHTS = 40; // beyond that, travellers are simply there

const sky = document.getElementById("flow-sky");
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const flights = new Set();
const flightOf = new Map(); // by traveller
let seen = new Map(); // what was known of each traveller: { passed, place, at }
let newest = "";

const SIGNS = { busy: "arrow", waiting: "clock", bad: "back", good: "check" };

// Ids of deliveries and orders sort by time behind their prefix.
const age = (id) => id.slice(id.indexOf("_") + 1);

function centre(element) {
  const box = element.getBoundingClientRect();
  if (!box.width) return null; // not shown: in a narrow window some ways are not drawn
  const frame = sky.getBoundingClientRect();
  return { x: box.x + box.width / 2 - frame.x, y: box.y + box.height / 2 - frame.y };
}

function docks(step) {
  const name = step.replace("!", "");
  return [...document.querySelectorAll(`[data-dock~="${name}"]`)];
}

const dotOf = (id) => document.getElementById(`dot-${id}`);

// The news since the last look: who has new steps to play, and from where.
function look() {
  const departures = [];
  const now = new Map();
  let newestNow = newest;
  for (const dot of document.querySelectorAll("[data-trail]")) {
    const { place, order, trail } = dot.dataset;
    const id = dot.id.replace("dot-", "");
    const passed = Number(dot.dataset.passed);
    const before = seen.get(id);
    const steps = newSteps(trail.split(" "), passed, place, before, age(id) > newest);
    if (steps.length) departures.push({ id, order, steps, from: before });
    if (age(id) > newestNow) newestNow = age(id);
    now.set(id, { passed, place, at: centre(dot) ?? docks(place).map(centre)[0] });
  }
  seen = now;
  newest = newestNow;
  return departures;
}

function newSteps(trail, passed, place, before, isNew) {
  if (!before) return isNew ? trail : [];
  if (passed > before.passed) return trail.slice(-(passed - before.passed));
  return place === before.place ? [] : [place];
}

// Many on the same way fly as one; those of one order set out together and part where it forks.
function depart(departures) {
  const ways = new Map();
  for (const each of departures) {
    const way = [each.from?.place, ...each.steps].join(" ");
    ways.set(way, [...(ways.get(way) ?? []), each]);
  }
  const orders = [];
  for (const group of ways.values()) {
    for (const party of group.length < MANY ? group.map((each) => [each]) : [group]) {
      const { order } = party[0];
      if (!orders.includes(order)) orders.push(order);
      if (flights.size < MOST_FLIGHTS) fly(party, orders.indexOf(order) * STAGGER_MS);
    }
  }
}

async function fly(party, delay) {
  const { steps, from } = party[0];
  const flight = { ids: party.map((each) => each.id), ghost: ghostOf(party), later: [], over: false };
  flights.add(flight);
  for (const id of flight.ids) flightOf.set(id, flight);
  hideWhoFlies();
  let at = from?.at;
  for (const [number, step] of steps.entries()) {
    const way = [at, ...points(step, flight, number === steps.length - 1)].filter(Boolean);
    if (way.length > 1) {
      await hop(flight, way, steps.length, delay);
      delay = 0;
    }
    if (flight.over) break;
    arrive(flight, step);
    at = way.at(-1);
  }
  land(flight, at);
}

// Where the ghost flies through. The way back to the waiting room has a track of its own. Only who
// stays sits down at the end; who has gone on meanwhile stays on the line.
function points(step, flight, isLast) {
  const before = flight.ghost.dataset.at ?? "";
  const back = before.endsWith("!") && step === "waiting" ? docks("back").map(centre) : [];
  const dot = isLast && dotOf(flight.ids[0]);
  const own = dot && dot.dataset.place === step && centre(dot);
  return [...back, ...(own ? [own] : docks(step).map(centre))];
}

function hop(flight, way, steps, delay) {
  const keyframes = way.map(({ x, y }) => ({
    transform: `translate(${x}px, ${y}px) translate(-50%, -50%)`,
  }));
  const pace = steps + flight.later.length > 8 ? FAST_HOP_MS : HOP_MS;
  const options = { duration: pace * (1 + (way.length - 2) * 0.5), delay, easing: "ease-in-out", fill: "both" };
  // Cancelled when the ghost is taken away, which is no error.
  return flight.ghost.animate(keyframes, options).finished.catch(() => {});
}

function arrive(flight, step) {
  const refused = step.endsWith("!");
  flight.ghost.dataset.at = step;
  if (refused || step === "failed") dress(flight.ghost, "bad");
  else if (step.startsWith("landed")) dress(flight.ghost, "good");
  else if (step !== "waiting") dress(flight.ghost, "busy");
  const [dock] = docks(step);
  dock?.animate({ scale: [1, refused ? 0.88 : 1.12, 1] }, 260);
}

function land(flight, at) {
  flight.ghost.remove();
  flights.delete(flight);
  for (const id of flight.ids) {
    flightOf.delete(id);
    dotOf(id)?.removeAttribute("data-travelling");
  }
  if (flight.later.length && !flight.over) {
    depart(flight.later.map((each) => ({ ...each, from: { ...each.from, at } })));
  }
}

function ghostOf(party) {
  const ghost = document.createElement("span");
  ghost.className = "ghost";
  ghost.dataset.ghost = party.map((each) => each.id).join(" ");
  if (party.length > 1) ghost.dataset.many = `×${party.length}`;
  dress(ghost, party[0].from?.place === "waiting" ? "waiting" : "busy");
  sky.append(ghost);
  return ghost;
}

function dress(ghost, tone) {
  if (ghost.classList.contains(`tone-${tone}`)) return;
  ghost.className = `ghost tone-${tone}`;
  ghost.innerHTML = ghost.dataset.many ?? `<svg class="shape"><use href="#sign-${SIGNS[tone]}"/></svg>`;
}

// An update of the picture takes the mark away, so it is put on again after each.
function hideWhoFlies() {
  for (const id of flightOf.keys()) dotOf(id)?.setAttribute("data-travelling", "");
}

// Rings and numbers of those who wait.
function tick() {
  const now = Date.now() / 1000;
  for (const dot of document.querySelectorAll("[data-until]")) {
    const until = Number(dot.dataset.until);
    const left = Math.max(0, until - now);
    const share = left / Math.max(1, until - Number(dot.dataset.since));
    dot.firstElementChild.dataset.left = shortly(Math.ceil(left));
    dot.firstElementChild.style.setProperty("--left", Math.min(1, share).toFixed(3));
  }
}

function shortly(seconds) {
  if (seconds < 100) return String(seconds);
  return seconds < 6000 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

function update() {
  const departures = look();
  tick();
  if (reduced.matches || document.hidden) return;
  const free = departures.filter(({ id }) => !flightOf.has(id));
  for (const each of departures) goOnLater(flightOf.get(each.id), each);
  depart(free);
  hideWhoFlies();
}

// Whoever flies already goes on after that, on one way however often there was news of it.
function goOnLater(flight, departure) {
  const planned = flight?.later.find(({ id }) => id === departure.id);
  if (planned) planned.steps.push(...departure.steps);
  else flight?.later.push(departure);
}

function stopFlying() {
  for (const flight of flights) {
    flight.over = true;
    for (const animation of flight.ghost.getAnimations()) animation.finish();
  }
}

look(); // whoever is there already does not travel again
tick();
setInterval(tick, 250);
document.addEventListener("htmx:after:swap", update);
document.addEventListener("visibilitychange", () => document.hidden && stopFlying());
reduced.addEventListener("change", stopFlying);
