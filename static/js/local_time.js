// Fields for a moment, <input type="datetime-local" data-utc>: the reader types local time, and the
// server is sent UTC. Without this script the label says that UTC is meant.
//
// In autumn one hour comes twice. A moment that the server has filled in goes back as it came, unless
// the reader changes it. A time that the reader types in that hour means its first occurrence, or the
// second one in a field with data-utc="end": a range from … to … then holds both. The label says which.

import { offset as nameOfOffset } from "./times.js";

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;
const LENGTH = "2026-11-23T12:00:00".length;
// A day from the ends of the years that have four digits, so that no zone leads beyond them.
const MIN_MOMENT = Date.parse("0001-01-02T00:00Z");
const MAX_MOMENT = Date.parse("9999-12-31T00:00Z");

// A field holds a moment without a zone; as a number it is read as if it were UTC.
const asNumber = (text) => Date.parse(`${text}Z`);
const asText = (number) => new Date(number).toISOString().slice(0, LENGTH);
const offset = (number) => new Date(number).getTimezoneOffset() * MS_PER_MINUTE;

function isMoment(text) {
  const number = text ? asNumber(text) : NaN;
  return number > MIN_MOMENT && number < MAX_MOMENT;
}

// The moments at which clocks here show this time: one, two in autumn, or none in spring.
function momentsOf(local) {
  const shown = asNumber(local);
  const moments = [shown - MS_PER_DAY, shown + MS_PER_DAY] // on either side of a change, if there is one
    .map((near) => shown + offset(near))
    .filter((moment) => moment - offset(moment) === shown);
  return [...new Set(moments)];
}

const toLocal = (utc) => asText(asNumber(utc) - offset(asNumber(utc)));

function toUtc(local, isEnd) {
  const moments = momentsOf(local);
  if (!moments.length) return asText(new Date(local).getTime()); // as the browser has it, an hour later
  return asText(isEnd ? Math.max(...moments) : Math.min(...moments));
}

function convert(field) {
  const given = field.defaultValue;
  if (isMoment(given)) field.value = toLocal(given);
  const shown = field.value; // as the browser writes it, such as without ":00"
  const zone = field.labels[0]?.querySelector("[data-zone]");

  function utc() {
    if (field.value === shown) return given;
    return isMoment(field.value) ? toUtc(field.value, field.dataset.utc === "end") : field.value;
  }

  function nameZone() {
    const comesTwice = isMoment(field.value) && momentsOf(field.value).length > 1;
    zone.textContent = comesTwice ? `your time, ${nameOfOffset(new Date(`${utc()}Z`))}` : "your time";
  }

  if (zone) {
    nameZone();
    field.addEventListener("input", nameZone);
  }
  field.form.addEventListener("formdata", ({ formData }) => formData.set(field.name, utc()));
}

document.querySelectorAll("input[data-utc]").forEach(convert);
