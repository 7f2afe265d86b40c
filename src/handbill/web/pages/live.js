// Fetches the page anew while it is looked at, and puts the new numbers in place of the old ones.
"use strict";
const live = document.getElementById("live");
async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "manual" });
    if (answer.type === "opaqueredirect") { location.reload(); return; }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh) live.replaceChildren(...fresh.childNodes);
  } catch { /* the service is away for a moment: the next try comes soon */ }
}
if (live) setInterval(refresh, 5000);
