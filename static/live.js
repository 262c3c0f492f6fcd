// Keeps the parts of a staff page that carry data-refresh-url fresh, quietly; without it the page shows its state at load.
document.querySelectorAll("[data-refresh-url]").forEach((part) => {
  const pause = Number(part.dataset.refreshSeconds || 5) * 1000;
  async function refresh() {
    try {
      if (!document.hidden) {
        const reply = await fetch(part.dataset.refreshUrl, { credentials: "same-origin" });
        if (reply.redirected || reply.status === 403) return;  // logged out: stop asking
        if (reply.ok) part.innerHTML = await reply.text();
        if (reply.headers.get("X-Refresh") === "stop") return;
      }
    } catch { /* the server is away: try again later */ }
    setTimeout(refresh, pause);
  }
  setTimeout(refresh, pause);
});
