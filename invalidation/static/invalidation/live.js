// Keeps a part of a page up to date: asks for it again and exchanges what has changed, so that nobody loses their place.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  const bar = document.querySelector("[data-live-bar]");
  if (!part || !bar) return;
  const words = bar.querySelector("[data-live-words]");
  const button = bar.querySelector("[data-live-button]");
  let seconds = Number(part.dataset.liveSeconds);
  let paused = false, seen = new Date(), timer;

  const say = (text, bad) => {
    if (words.textContent !== text) words.textContent = text;
    bar.classList.toggle("inv-bad", Boolean(bad));
  };

  const exchange = (markup) => {
    const fresh = new DOMParser().parseFromString(markup, "text/html").body;
    const sections = [...fresh.children], standing = [...part.children];
    const same = sections.length === standing.length && sections.every((one, place) => one.id === standing[place].id);
    if (!same) { part.replaceChildren(...sections); return; }
    sections.forEach((one, place) => {
      const old = standing[place];
      // A form holds a token that differs each time; somebody's focus is in it, or they would not notice.
      const bare = (node) => node.outerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
      if (bare(one) !== bare(old) && !old.contains(document.activeElement)) old.replaceWith(one);
    });
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(part.dataset.live, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      exchange(await answer.text());
      seen = new Date();
      seconds = Number(answer.headers.get("X-Live-Seconds") ?? seconds);
      say(seconds ? "Live." : "Nothing on this page can change any more.");
    } catch {
      say(`Old: the server has not answered since ${seen.toLocaleTimeString()}. Reload to sign in again.`, true);
    }
    if (seconds) timer = setTimeout(refresh, 1000 * seconds);
  };

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    if (paused) { clearTimeout(timer); say(`Paused at ${seen.toLocaleTimeString()}.`); } else refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  bar.hidden = !seconds;
  if (seconds) timer = setTimeout(refresh, 1000 * seconds);
})();
