// Fields for a moment, <input type="datetime-local" data-utc>: the reader types local time, and the
// server is sent UTC. Without this script the label says that UTC is meant.

const MS_PER_MINUTE = 60_000;

// What such a field holds is a moment without a zone; reading it as UTC makes it a number.
function moved(text, minutes) {
  if (!text) return "";
  const moment = new Date(Date.parse(`${text}Z`) + minutes * MS_PER_MINUTE);
  return moment.toISOString().slice(0, "2026-11-23T12:00:00".length);
}

const toLocal = (text) => text && moved(text, -new Date(`${text}Z`).getTimezoneOffset());
const toUtc = (text) => text && moved(text, new Date(text).getTimezoneOffset());

for (const field of document.querySelectorAll("input[data-utc]")) {
  field.value = toLocal(field.value);
  const zone = field.labels[0]?.querySelector("[data-zone]");
  if (zone) zone.textContent = "your time";
  field.form.addEventListener("formdata", ({ formData }) => {
    formData.set(field.name, toUtc(field.value));
  });
}
