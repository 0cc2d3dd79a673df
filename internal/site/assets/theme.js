// Before anything is painted: the colours that somebody chose, and that there is a
// script. All the rest waits until the page is there.
(function () {
  "use strict";
  var html = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  html.setAttribute("data-script", "");
  self.treaty = {
    get: function (k) { try { return localStorage.getItem("treaty-" + k); } catch (e) { return null; } },
    set: function (k, v) { try { localStorage.setItem("treaty-" + k, v); } catch (e) { /* private windows */ } },
    paint: function () {
      var chosen = self.treaty.get("theme");
      if (chosen) html.setAttribute("data-theme", chosen); else html.removeAttribute("data-theme");
      html.toggleAttribute("data-dark", chosen ? chosen === "dark" : dark.matches);
    }
  };
  self.treaty.paint();
})();
