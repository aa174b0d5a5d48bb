// Refreshes as a reader bears them: tables stay where they were scrolled to, and it is told when
// what is shown is old, for a part whose refresh fails stays as it was, green or not.
"use strict";

const scrolled = new Map();

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  for (const one of detail.target.querySelectorAll(".scroll[id]")) {
    scrolled.set(one.id, [one.scrollLeft, one.scrollTop]);
  }
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  for (const one of detail.target.querySelectorAll(".scroll[id]")) {
    [one.scrollLeft, one.scrollTop] = scrolled.get(one.id) ?? [0, 0];
  }
});

const failed = new Set();
let fresh = new Date();

function tell() {
  const notice = document.getElementById("stale");
  if (!notice || failed.size > 0 === !notice.hidden) return; // said once, not every few seconds
  notice.hidden = failed.size === 0;
  document.body.classList.toggle("stale", failed.size > 0);
  notice.textContent = notice.hidden
    ? ""
    : `No fresh answer since ${fresh.toLocaleTimeString()}: what is shown may be out of date.`;
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.elt.matches("[data-part]")) return;
  if (detail.xhr.getResponseHeader("HX-Redirect")) return; // to the login
  if (!detail.successful || detail.xhr.getResponseHeader("Magray-Trouble")) {
    failed.add(detail.elt);
  } else {
    failed.delete(detail.elt);
    // the others need not wait for their turn to learn that it works again
    for (const part of failed) htmx.trigger(part, "again");
    if (failed.size === 0) fresh = new Date();
  }
  tell();
});
