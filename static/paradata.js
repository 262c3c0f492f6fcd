// Notes when a page is first touched, answered, left and come back to, and reports it beside the form.
// The form never waits for it; without it the survey is the same.
(() => {
  const form = document.querySelector("form[data-events]");
  if (!form || !navigator.sendBeacon) return;
  const shownAt = performance.now();
  const longest = 24 * 60 * 60 * 1000;
  const width = window.innerWidth;
  const unsent = [];
  let room = 50;
  let isTouched = false;
  let isGone = false;

  function note(kind, detail = "") {
    const at = Math.round(performance.now() - shownAt);
    if (at > longest || room === 0) return;
    room -= 1;
    unsent.push([kind, at, detail]);
  }

  function send() {
    if (unsent.length === 0) return;
    const report = JSON.stringify({ stamp: form.elements.stamp.value, events: unsent });
    if (navigator.sendBeacon(form.dataset.events, report)) unsent.length = 0;
  }

  function touch() {
    if (!isTouched) note("first_interaction");
    isTouched = true;
  }

  note("page_shown", width < 480 ? "narrow" : width < 1024 ? "medium" : "wide");
  if (document.hidden) note("hidden");  // opened in a tab behind

  for (const type of ["pointerdown", "keydown", "change"]) document.addEventListener(type, touch);
  form.addEventListener("change", (event) => note("answer_change", event.target.name));
  form.addEventListener("submit", send);
  document.addEventListener("visibilitychange", () => {
    if (isGone) return;  // going to the next page is not turning away from this one
    note(document.visibilityState);
    if (document.hidden) send();
  });
  window.addEventListener("pagehide", () => {
    isGone = true;
    send();
  });
  window.addEventListener("pageshow", () => { isGone = false; });
})();
