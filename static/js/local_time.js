// Fields for a time, <input type="datetime-local" data-utc>: the reader types local time, and the form
// sends UTC. Without this script the label says that the time is UTC.
//
// In autumn one hour occurs twice. A time that the server filled in is sent back unchanged, unless the
// reader changes it. A time that the reader types in that hour means its first occurrence, or the
// second one in a field with data-utc="end", so that a range includes both. The label says which.

import { offset as nameOfOffset } from "./times.js";

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;
const LENGTH = "2026-11-23T12:00:00".length;
// One day inside the years of four digits, so that converting between time zones stays inside.
const MIN_MOMENT = Date.parse("0001-01-02T00:00Z");
const MAX_MOMENT = Date.parse("9999-12-31T00:00Z");

// A field has a time without a zone; these functions treat it as UTC.
const asNumber = (text) => Date.parse(`${text}Z`);
const asText = (number) => new Date(number).toISOString().slice(0, LENGTH);
const offset = (number) => new Date(number).getTimezoneOffset() * MS_PER_MINUTE;

function isMoment(text) {
  const number = text ? asNumber(text) : NaN;
  return number > MIN_MOMENT && number < MAX_MOMENT;
}

// Returns the times at which local clocks show this time: one, two in autumn, or none in spring.
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
  if (!moments.length) return asText(new Date(local).getTime()); // the browser shifts it by an hour
  return asText(isEnd ? Math.max(...moments) : Math.min(...moments));
}

function convert(field) {
  const given = field.defaultValue;
  if (isMoment(given)) field.value = toLocal(given);
  const shown = field.value; // as the browser formats it, for example without ":00"
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
