// Keeps the parts of a staff page that carry data-refresh-url fresh, quietly; without it the page shows its state at load.
document.querySelectorAll("[data-refresh-url]").forEach((part) => {
  let pause = Number(part.dataset.refreshSeconds || 5) * 1000;
  let timer = 0;
  let stopped = false;

  const line = document.createElement("p");
  const words = document.createElement("span");
  const button = document.createElement("button");
  line.className = "live";
  words.setAttribute("role", "status");
  button.type = "button";
  button.className = "quiet";
  line.append(words, button);
  part.before(line);

  function say(text, lost = false) {
    if (words.textContent !== text) words.textContent = text;
    line.classList.toggle("lost", lost);
    button.textContent = stopped ? "Update again" : "Stop updating";
  }

  // Whoever types, marks text or has not sent a form yet keeps what they have before them.
  function isBusy() {
    const marked = document.getSelection();
    const fields = [...part.querySelectorAll("input, textarea")];
    const choices = [...part.querySelectorAll("select")];
    return fields.some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked)
      || choices.some((choice) => !([...choice.options].find((option) => option.defaultSelected) || choice.options[0]).selected)
      || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"))
      || (marked && !marked.isCollapsed && part.contains(marked.anchorNode));
  }

  // What was opened, scrolled and focused stays so; parts that may be opened and buttons have an id.
  function replace(html) {
    const open = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
    const scrolled = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    const focused = part.contains(document.activeElement) ? place(document.activeElement) : null;
    part.innerHTML = html;
    open.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
    part.querySelectorAll(".scroll").forEach((each, i) => { each.scrollLeft = scrolled[i] || 0; });
    const again = focused && part.querySelector(focused);
    if (again) again.focus({ preventScroll: true });
  }

  function place(element) {
    if (element.id) return `#${CSS.escape(element.id)}`;
    if (element.matches("details[id] > summary")) return `#${CSS.escape(element.parentNode.id)} > summary`;
    if (element.matches("details[id] > pre")) return `#${CSS.escape(element.parentNode.id)} > pre`;
    if (element.hasAttribute("href")) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
    return element.matches(".scroll") ? `.scroll[aria-label="${CSS.escape(element.getAttribute("aria-label"))}"]` : null;
  }

  async function refresh() {
    try {
      if (!document.hidden && !isBusy()) {
        const reply = await fetch(part.dataset.refreshUrl, { credentials: "same-origin" });
        if (reply.redirected || reply.status === 403) { line.remove(); return; }  // logged out: stop asking
        if (!reply.ok) throw new Error(reply.status);
        const html = await reply.text();
        if (stopped) return;
        if (!isBusy()) replace(html);
        const next = reply.headers.get("X-Refresh");
        if (next === "stop") { line.remove(); return; }
        if (Number(next) > 0) pause = Number(next) * 1000;
        say("Updates by itself.");
      }
    } catch {
      say("No connection to the site: what you see may be out of date. Trying again …", true);
    }
    if (!stopped) timer = setTimeout(refresh, pause);
  }

  button.addEventListener("click", () => {
    stopped = !stopped;
    clearTimeout(timer);
    say(stopped ? "Does not update." : "Updates by itself.");
    if (!stopped) refresh();
  });
  say("Updates by itself.");
  timer = setTimeout(refresh, pause);
});
