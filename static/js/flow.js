// Animates the picture of the flow (templates/shop/flow).
//
// Each update has the current stop of each dot and the route by which it came there. For the new
// stops, a ghost moves above the picture from stop to stop, while the dot is hidden at its last stop.
// Ghosts pass behind the signs of the stations, so their speed is constant: slower there, they would
// be hidden most of the time. Numbers change immediately, and with reduced motion dots do too.

const HOP_MS = 400;
const FAST_HOP_MS = 200; // if there are many new stops
const STAGGER_MS = 110; // between orders that start at the same time
const MIN_GROUP = 7; // this many dots on the same route share one ghost
const MAX_FLIGHTS = 40; // further dots appear without an animation

const sky = document.getElementById("flow-sky");
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const flights = new Set();
const flightOf = new Map(); // by the dot's id
let seen = new Map(); // each dot at the last update, by id: { passed, stop, at }
let newest = "";

const LABELS = JSON.parse(sky.dataset.labels); // by state: its shape and tone

// Ids of deliveries and orders sort by time after their prefix.
const age = (id) => id.slice(id.indexOf("_") + 1);

function center(element) {
  const box = element.getBoundingClientRect();
  if (!box.width) return null; // hidden, such as the bypass in a narrow window
  const frame = sky.getBoundingClientRect();
  return { x: box.x + box.width / 2 - frame.x, y: box.y + box.height / 2 - frame.y };
}

function docks(stop) {
  const name = stop.replace("!", "");
  return [...document.querySelectorAll(`[data-dock~="${name}"]`)];
}

const dotOf = (id) => document.getElementById(`dot-${id}`);

// Compares with the last update. Returns the dots that have new stops, and where they start.
function look() {
  const departures = [];
  const now = new Map();
  let newestNow = newest;
  for (const dot of document.querySelectorAll("[data-route]")) {
    const { stop, order, route } = dot.dataset;
    const id = dot.id.replace("dot-", "");
    const passed = Number(dot.dataset.passed);
    const before = seen.get(id);
    const stops = newStops(route.split(" "), passed, stop, before, age(id) > newest);
    if (stops.length) departures.push({ id, order, stops, from: before });
    if (age(id) > newestNow) newestNow = age(id);
    now.set(id, { passed, stop, at: center(dot) ?? docks(stop).map(center)[0] });
  }
  seen = now;
  newest = newestNow;
  return departures;
}

function newStops(route, passed, stop, before, isNew) {
  if (!before) return isNew ? route : [];
  if (passed > before.passed) return route.slice(-(passed - before.passed));
  return stop === before.stop ? [] : [stop];
}

// Groups dots on the same route into one ghost. Dots of one order start together.
function depart(departures) {
  const routes = new Map();
  for (const each of departures) {
    const route = [each.from?.stop, ...each.stops].join(" ");
    routes.set(route, [...(routes.get(route) ?? []), each]);
  }
  const orders = [];
  for (const group of routes.values()) {
    for (const party of group.length < MIN_GROUP ? group.map((each) => [each]) : [group]) {
      const { order } = party[0];
      if (!orders.includes(order)) orders.push(order);
      if (flights.size < MAX_FLIGHTS) fly(party, orders.indexOf(order) * STAGGER_MS);
    }
  }
}

async function fly(party, delay) {
  const { stops, from } = party[0];
  const flight = { ids: party.map((each) => each.id), ghost: ghostOf(party), later: [], over: false };
  flights.add(flight);
  for (const id of flight.ids) flightOf.set(id, flight);
  hideFlying();
  let at = from?.at;
  for (const [index, stop] of stops.entries()) {
    const way = [at, ...points(stop, flight, index === stops.length - 1)].filter(Boolean);
    if (way.length > 1) {
      await hop(flight, way, stops.length, delay);
      delay = 0;
    }
    if (flight.over) break;
    arrive(flight, stop);
    at = way.at(-1);
  }
  land(flight, at);
}

// Returns the points on the way to a stop. Deliveries go to the waiting area and leave it on separate
// rails, off the texts. A ghost ends at its dot if that is still at this stop, or else on the line.
function points(stop, flight, isLast) {
  const before = flight.ghost.dataset.at ?? "";
  const rail = railBetween(before, stop).map(center);
  const dot = isLast && dotOf(flight.ids[0]);
  const own = dot && dot.dataset.stop === stop && center(dot);
  return [...rail, ...(own ? [own] : docks(stop).map(center))];
}

function railBetween(before, stop) {
  if (stop === "waiting") return docks(before.endsWith("!") ? "back" : "hold");
  return before === "waiting" ? docks("hold").reverse() : [];
}

function hop(flight, way, stops, delay) {
  const keyframes = way.map(({ x, y }) => ({
    transform: `translate(${x}px, ${y}px) translate(-50%, -50%)`,
  }));
  const pace = stops + flight.later.length > 8 ? FAST_HOP_MS : HOP_MS;
  const options = { duration: pace * (1 + (way.length - 2) * 0.5), delay, easing: "linear", fill: "both" };
  // Removing the ghost cancels the animation; that is not an error.
  return flight.ghost.animate(keyframes, options).finished.catch(() => {});
}

function arrive(flight, stop) {
  const rejected = stop.endsWith("!");
  flight.ghost.dataset.at = stop;
  if (rejected) dress(flight.ghost, "rejected");
  else if (stop === "failed") dress(flight.ghost, "failed");
  else if (stop.startsWith("delivered")) dress(flight.ghost, "succeeded");
  else if (stop !== "waiting") dress(flight.ghost, "sending");
  const [dock] = docks(stop);
  dock?.animate({ scale: [1, rejected ? 0.88 : 1.12, 1] }, 260);
}

function land(flight, at) {
  flight.ghost.remove();
  flights.delete(flight);
  for (const id of flight.ids) {
    flightOf.delete(id);
    dotOf(id)?.removeAttribute("data-flying");
  }
  if (flight.later.length && !flight.over) {
    depart(flight.later.map((each) => ({ ...each, from: { ...each.from, at } })));
  }
}

function ghostOf(party) {
  const ghost = document.createElement("span");
  ghost.className = "ghost";
  ghost.dataset.at = party[0].from?.stop ?? "";
  ghost.dataset.ghost = party.map((each) => each.id).join(" ");
  if (party.length > 1) ghost.dataset.many = `×${party.length}`;
  dress(ghost, party[0].from?.stop === "waiting" ? "pending" : "sending");
  sky.append(ghost);
  return ghost;
}

function dress(ghost, state) {
  if (ghost.dataset.state === state) return;
  const { shape, tone } = LABELS[state];
  ghost.dataset.state = state;
  ghost.className = `ghost tone-${tone}`;
  ghost.innerHTML = ghost.dataset.many ?? `<svg class="shape"><use href="#s-${shape}"/></svg>`;
}

// Each update of the picture removes data-flying, so set it again.
function hideFlying() {
  for (const id of flightOf.keys()) dotOf(id)?.setAttribute("data-flying", "");
}

// Updates the rings and numbers of waiting dots.
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
  hideFlying();
}

// If a dot is already moving, adds the new stops to the route that it takes afterwards.
function goOnLater(flight, departure) {
  const planned = flight?.later.find(({ id }) => id === departure.id);
  if (planned) planned.stops.push(...departure.stops);
  else flight?.later.push(departure);
}

function stopFlying() {
  for (const flight of flights) {
    flight.over = true;
    for (const animation of flight.ghost.getAnimations()) animation.finish();
  }
}

look(); // record the dots that are already there, without animation
tick();
setInterval(tick, 250);
document.addEventListener("htmx:after:swap", update);
document.addEventListener("visibilitychange", () => document.hidden && stopFlying());
reduced.addEventListener("change", stopFlying);
