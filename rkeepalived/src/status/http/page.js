// Fetches the page anew and puts its middle into this one. Without it, the page reloads itself.
"use strict";
(() => {
  const live = document.getElementById("live");
  const main = document.querySelector("main");
  let wait = 500;

  const turn = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(5000) });
        if (!answer.ok) throw new Error(await answer.text());
        const text = await answer.text();
        const page = new DOMParser().parseFromString(text, "text/html");
        main.replaceChildren(...page.querySelector("main").childNodes);
        document.title = page.title;
        live.textContent = "live";
        live.className = "live on";
        // A page of a thousand servers is fetched less often.
        wait = text.length > 300000 ? 5000 : 500;
      } catch (error) {
        live.textContent = "no answer since " + (live.dataset.since ||= new Date().toLocaleTimeString());
        live.className = "live off";
        setTimeout(turn, 2000);
        return;
      }
      delete live.dataset.since;
    }
    setTimeout(turn, wait);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) live.className = "live";
  });
  turn();
})();
