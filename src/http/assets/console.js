// Keeps the progress page fresh. Without this script the page reloads itself.
(function () {
  "use strict";
  var live = document.getElementById("live");
  var line = document.getElementById("status");
  var pause = document.getElementById("pause");
  if (!live || !window.EventSource || !window.fetch) { return; }
  var base = "/console/updates/" + encodeURIComponent(live.dataset.update);
  var paused = false, busy = false, again = false, saidAt = 0;

  function say(text, atOnce) {
    var now = Date.now();
    // A screen reader speaks each change, so the line changes seldom.
    if (line && line.textContent !== text && (atOnce || now - saidAt > 20000)) {
      line.textContent = text;
      saidAt = now;
    }
  }

  function refresh() {
    if (paused) { return; }
    if (busy) { again = true; return; }
    busy = true;
    fetch(base + "/live", { credentials: "same-origin", redirect: "error" })
      .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(answer.status); })
      .then(function (html) {
        live.innerHTML = html;
        var state = live.firstElementChild;
        var finished = state && state.dataset.finished === "true";
        if (state) { say(state.dataset.status, finished); }
        if (finished) { end(); }
      })
      .catch(function () { say("The connection is lost. This page tries again by itself.", true); })
      .then(function () {
        busy = false;
        if (again) { again = false; setTimeout(refresh, 1000); }
      });
  }

  var source = new EventSource(base + "/stream");
  ["progress", "event", "reset", "done"].forEach(function (name) { source.addEventListener(name, refresh); });

  function end() {
    source.close();
    var actions = document.getElementById("actions");
    if (actions) { actions.remove(); }
    document.title = document.title.replace(/^(Sending|Held)/, "Finished");
  }

  pause.hidden = false;
  pause.addEventListener("click", function () {
    paused = !paused;
    pause.textContent = paused ? "Go on showing changes" : "Pause this page";
    refresh();
  });
}());
