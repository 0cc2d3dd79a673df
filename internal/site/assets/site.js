// The catalogue in the browser: colours, search, tabs, copying, and the live stream
// where a server sends one. Everything that is read works without it.
(function () {
  "use strict";
  var html = document.documentElement, store = self.treaty, paint = store.paint;
  var dark = matchMedia("(prefers-color-scheme: dark)");

  function all(selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); }
  function make(name, attributes, text) {
    var e = document.createElement(name);
    for (var k in attributes || {}) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  function theme() {
    all("[data-theme-switch]").forEach(function (button) {
      function show() { button.setAttribute("aria-pressed", html.hasAttribute("data-dark")); }
      button.hidden = false;
      button.addEventListener("click", function () {
        var next = html.hasAttribute("data-dark") ? "light" : "dark";
        store.set("theme", next);
        paint();
        show();
      });
      dark.addEventListener("change", function () { paint(); show(); });
      show();
    });
  }

  function menu() {
    var button = document.querySelector(".icon.menu"), list = document.getElementById("menu");
    if (!button) return;
    button.hidden = false;
    function set(open) {
      list.classList.toggle("open", open);
      button.setAttribute("aria-expanded", open);
    }
    button.addEventListener("click", function () { set(!list.classList.contains("open")); });
    document.addEventListener("click", function (e) { if (!e.target.closest("nav.main")) set(false); });
    document.addEventListener("keydown", function (e) {
      if (e.key === "Escape" && list.classList.contains("open")) { set(false); button.focus(); }
    });
  }

  // Search. The index is a script, so that it can be read from a file; it is loaded
  // when somebody is about to search, and prepared once.
  function search() {
    var input = document.getElementById("q"), list = document.getElementById("hits"), found = document.getElementById("found");
    if (!input) return;
    var root = html.getAttribute("data-root"), rows = null, loading = false, hits = [], at = -1;

    function load() {
      if (loading) return;
      loading = true;
      var script = make("script", { src: root + "search-index.js" });
      script.onload = function () {
        // Names in front, then what is around them: one text to look through.
        rows = self.treatyIndex.map(function (r, i) {
          return { row: r, at: i, name: r[1].length, title: r[1].length + 1 + r[2].length, text: [r[1], r[2], r[4], r[5]].join("\n").toLowerCase() };
        });
        show();
      };
      script.onerror = function () { loading = false; say("The search index could not be loaded."); };
      document.head.appendChild(script);
    }

    // What one more letter finds is among what was found before it. Only the best are
    // kept in order: sorting thousands would take longer than finding them.
    var best = 12, before = "", among = null;
    function look(query) {
      query = query.toLowerCase();
      var words = query.split(/\s+/).filter(Boolean), from = among && query.indexOf(before) === 0 ? among : rows;
      var kept = [], top = [], scores = [];
      next: for (var i = 0; i < from.length; i++) {
        var r = from[i], score = -r.name / 200;
        for (var j = 0; j < words.length; j++) {
          var w = words[j], p = r.text.indexOf(w);
          if (p < 0) continue next;
          if (p === 0) score += r.name === w.length ? 100 : 60;
          else if (p < r.name) score += letter(r.text.charCodeAt(p - 1)) ? 30 : 45;
          else if (p <= r.title) score += 20;
          else score += 8;
        }
        kept.push(r);
        if (top.length === best && score <= scores[best - 1]) continue;
        for (var k = Math.min(top.length, best - 1); k > 0 && scores[k - 1] < score; k--) { top[k] = top[k - 1]; scores[k] = scores[k - 1]; }
        top[k] = r.row;
        scores[k] = score;
      }
      before = query;
      among = kept;
      return { total: kept.length, top: top, words: words };
    }

    function letter(c) { return c >= 97 && c <= 122 || c >= 48 && c <= 57; }

    function marked(to, text, words) {
      var lower = text.toLowerCase(), from = 0;
      while (from < text.length) {
        var best = -1, length = 0;
        words.forEach(function (w) {
          var p = lower.indexOf(w, from);
          if (p >= 0 && (best < 0 || p < best)) { best = p; length = w.length; }
        });
        if (best < 0 || lower.length !== text.length) break;
        to.appendChild(document.createTextNode(text.slice(from, best)));
        to.appendChild(make("mark", {}, text.slice(best, best + length)));
        from = best + length;
      }
      to.appendChild(document.createTextNode(text.slice(from)));
    }

    function say(text) { found.textContent = text; }

    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
      at = -1;
    }

    function choose(i) {
      if (list.children[at]) list.children[at].setAttribute("aria-selected", "false");
      at = i;
      if (i < 0) { input.removeAttribute("aria-activedescendant"); return; }
      list.children[i].setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", list.children[i].id);
    }

    function show() {
      var query = input.value.trim();
      if (!query || !rows || document.activeElement !== input) { close(); return; }
      var result = look(query);
      hits = result.top;
      at = -1;
      var made = document.createDocumentFragment();
      hits.forEach(function (r, i) {
        var option = make("li", { role: "option", id: "hit" + i, "aria-selected": "false" });
        var link = make("a", { href: root + r[3], tabindex: "-1" });
        var what = make("span", { class: "what" }), code = make("code");
        marked(code, r[1], result.words);
        what.appendChild(code);
        what.appendChild(make("span", { class: "kind" }, r[0] === "event" ? "event type" : r[0]));
        link.appendChild(what);
        var about = make("span", { class: "about" }), text = r[5] || r[2];
        var hidden = result.words.filter(function (w) { return (r[1] + " " + text).toLowerCase().indexOf(w) < 0; });
        if (hidden.length) {
          text = r[4].split(" ").filter(function (t) { return hidden.some(function (w) { return t.toLowerCase().indexOf(w) >= 0; }); }).slice(0, 4).join(", ") + (text ? " · " + text : "");
        }
        marked(about, text, result.words);
        link.appendChild(about);
        option.appendChild(link);
        made.appendChild(option);
      });
      if (!hits.length) made.appendChild(make("li", { class: "none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing has “" + query + "” in its name, its fields or its description."));
      say(result.total === 0 ? "nothing found" : result.total + (result.total === 1 ? " result" : " results"));
      list.replaceChildren(made);
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      choose(hits.length ? 0 : -1);
    }

    input.addEventListener("focus", function () { load(); show(); });
    input.addEventListener("pointerenter", load);
    input.addEventListener("input", function () { load(); show(); });
    input.addEventListener("keydown", function (e) {
      if (e.key === "Escape") { if (list.hidden) input.blur(); else close(); e.preventDefault(); return; }
      if (list.hidden || !hits.length) return;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        choose((at + (e.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length);
        list.children[at].scrollIntoView({ block: "nearest" });
        e.preventDefault();
      } else if (e.key === "Enter" && at >= 0) {
        location.href = root + hits[at][3];
        e.preventDefault();
      }
    });
    list.addEventListener("mousedown", function (e) { e.preventDefault(); }); // the field keeps the focus
    input.addEventListener("blur", function () { setTimeout(close, 150); });
    document.addEventListener("keydown", function (e) {
      if (e.key === "/" && !e.ctrlKey && !e.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
        input.focus();
        input.select();
        e.preventDefault();
      }
    });
  }

  // Tabs are made of sections, one below the other where there is no script.
  var tabsMade = 0;
  function tabs(from) {
    all("[data-tabs]", from).forEach(function (box) {
      var panels = Array.prototype.filter.call(box.children, function (c) { return c.hasAttribute("data-tab"); });
      if (panels.length < 2 || box.classList.contains("made")) return;
      var n = ++tabsMade, remember = box.getAttribute("data-remember");
      var bar = make("div", { class: "tablist", role: "tablist", "aria-label": box.getAttribute("data-tabs") });
      var buttons = panels.map(function (panel, i) {
        var b = make("button", { type: "button", role: "tab", id: "tab" + n + "-" + i, "aria-controls": "panel" + n + "-" + i }, panel.getAttribute("data-tab"));
        panel.id = "panel" + n + "-" + i;
        panel.setAttribute("role", "tabpanel");
        panel.setAttribute("aria-labelledby", b.id);
        b.addEventListener("click", function () { pick(i); if (remember) store.set(remember, panel.getAttribute("data-tab")); });
        bar.appendChild(b);
        return b;
      });
      function pick(i) {
        buttons.forEach(function (b, j) {
          b.setAttribute("aria-selected", i === j);
          b.tabIndex = i === j ? 0 : -1;
          panels[j].hidden = i !== j;
        });
      }
      bar.addEventListener("keydown", function (e) {
        var i = buttons.indexOf(document.activeElement), to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: buttons.length - 1 }[e.key];
        if (to === undefined) return;
        to = (to + buttons.length) % buttons.length;
        buttons[to].focus();
        buttons[to].click();
        e.preventDefault();
      });
      var first = panels.findIndex(function (p) { return remember && p.getAttribute("data-tab") === store.get(remember); });
      box.insertBefore(bar, panels[0]);
      box.classList.add("made");
      pick(Math.max(first, 0));
    });
  }

  function copies() {
    all("[data-copy]").forEach(function (button) {
      if (!navigator.clipboard) return;
      button.hidden = false;
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(button.parentNode.querySelector("pre").textContent).then(function () {
          button.textContent = "Copied";
          setTimeout(function () { button.textContent = "Copy"; }, 1500);
        }, function () { button.textContent = "Not allowed"; });
      });
    });
  }

  // The contents beside the page say where one is.
  function contents() {
    var links = all(".toc a");
    if (!links.length || !self.IntersectionObserver) return;
    var seen = {};
    var watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) { seen[e.target.id] = e.isIntersecting; });
      var here = links.find(function (a) { return seen[a.hash.slice(1)]; });
      if (here) links.forEach(function (a) { a.classList.toggle("here", a === here); });
    }, { rootMargin: "-60px 0px -60% 0px" });
    links.forEach(function (a) { var h = document.getElementById(a.hash.slice(1)); if (h) watch.observe(h); });
  }

  // Live. The server sends, a few times a second, what came and the counts of all.
  function live() {
    if (!html.hasAttribute("data-live") || !self.EventSource) return;
    var root = html.getAttribute("data-root"), boxes = all("[data-stream]"), pulse = document.querySelector("[data-pulse]");
    var filters = document.querySelector("[data-filters]"), paused = false, source = null, last = "";

    function state(box, text, off) {
      var p = box.querySelector("[data-state]");
      if (p.textContent !== text) p.textContent = text;
      p.classList.toggle("off", !!off);
      if (pulse) { pulse.classList.toggle("on", !off); pulse.classList.toggle("off", !!off); }
    }

    function entry(e) {
      var li = make("li"), d = make("details"), s = make("summary", { title: e.channel + (e.position ? ", at " + e.position : "") });
      s.appendChild(make("time", {}, e.time));
      s.appendChild(make("span", { class: "badge " + (e.valid ? "good" : "bad") }, e.valid ? "valid" : "invalid"));
      s.appendChild(make("span", { class: "what" }, e.type || "no event on " + e.channel));
      s.appendChild(make("span", { class: "subject" }, e.subject || ""));
      d.appendChild(s);
      d.addEventListener("toggle", function () {
        if (d.children.length > 1) return;
        var inside = make("div", { class: "inside" });
        if (e.problems && e.problems.length) {
          var ul = make("ul");
          e.problems.forEach(function (p) { ul.appendChild(make("li", {}, (p.pointer ? p.pointer + ": " : "") + p.message)); });
          inside.appendChild(ul);
        }
        inside.appendChild(make("p", { class: "note" }, e.channel + (e.position ? ", at " + e.position : "")));
        var code = make("div", { class: "code" }), pre = make("pre", { tabindex: "0" });
        pre.appendChild(make("code", {}, e.event ? JSON.stringify(e.event, null, 2) : e.raw || ""));
        code.appendChild(pre);
        inside.appendChild(code);
        d.appendChild(inside);
      });
      li.appendChild(d);
      return li;
    }

    function rates(box, counts) {
      var table = box.querySelector("[data-rates]"), only = box.getAttribute("data-stream"), body = table.tBodies[0], shown = 0;
      body.textContent = "";
      counts.forEach(function (c) {
        if (only !== "*" && only && c.type !== only || shown === 40) return;
        if (!only && shown === 6) return;
        shown++;
        var tr = make("tr"), name = make("th", { scope: "row" });
        name.appendChild(make("code", {}, c.type || "no event"));
        tr.appendChild(name);
        [c.count, c.rate.toFixed(1), c.invalid].forEach(function (v) { tr.appendChild(make("td", { class: "num" }, v)); });
        body.appendChild(tr);
      });
      table.hidden = shown === 0;
    }

    function close() {
      if (source) source.close();
      source = null;
    }

    function open() {
      close();
      // A browser has few connections to a server, and a page that nobody sees needs none.
      if (document.hidden) return;
      var query = new URLSearchParams(), only = boxes.length === 1 ? boxes[0].getAttribute("data-stream") : "";
      if (filters) {
        all("input", filters).forEach(function (i) {
          var v = i.type === "checkbox" ? (i.checked ? "1" : "") : i.value.trim();
          if (v) query.set(i.name, v);
        });
      } else if (only && only !== "*") query.set("type", only);
      if (last) query.set("after", last);
      source = new EventSource(root + "live/events?" + query);
      source.addEventListener("batch", function (m) {
        var b = JSON.parse(m.data);
        last = m.lastEventId;
        if (b.edition !== html.getAttribute("data-live")) {
          var writes = all("[data-publish] textarea").some(function (t) { return t.value !== t.defaultValue; });
          if (!writes) { close(); location.reload(); return; }
          b.state = "The documents have changed; load this page anew once your event is sent";
        }
        boxes.forEach(function (box) {
          var feed = box.querySelector("[data-feed]"), keep = +box.getAttribute("data-keep");
          var held = feed.querySelector("details[open]"); // somebody reads
          state(box, b.state + (held ? "; the list waits while an event is open" : b.skipped ? "; " + b.skipped + " more are not shown" : ""), b.down);
          rates(box, b.counts || []);
          if (paused || held) return;
          (b.events || []).forEach(function (e) { feed.insertBefore(entry(e), feed.firstChild); });
          while (feed.children.length > keep) feed.removeChild(feed.lastChild);
        });
      });
      source.onerror = function () { boxes.forEach(function (box) { state(box, "The server does not answer; trying again.", true); }); };
    }

    if (filters) {
      var wait;
      filters.addEventListener("input", function () {
        clearTimeout(wait);
        wait = setTimeout(function () {
          boxes.forEach(function (b) { b.querySelector("[data-feed]").textContent = ""; });
          last = "";
          open();
        }, 250);
      });
      filters.addEventListener("submit", function (e) { e.preventDefault(); });
      var pause = filters.querySelector("[data-pause]");
      pause.addEventListener("click", function () {
        paused = !paused;
        pause.setAttribute("aria-pressed", paused);
        pause.textContent = paused ? "Go on" : "Pause";
      });
    }
    // Every page of a server hears of changed documents.
    open();
    addEventListener("pagehide", close);
    addEventListener("pageshow", function (e) { if (e.persisted) open(); });
    document.addEventListener("visibilitychange", function () { if (document.hidden) close(); else open(); });
  }

  function publish() {
    all("[data-publish]").forEach(function (form) {
      var text = form.querySelector("textarea"), said = form.querySelector("[data-checked]"), send = form.querySelector("[type=submit]");
      var token = form.querySelector("[data-token]"), root = html.getAttribute("data-root"), wait, asked = 0;
      function call(what) {
        var headers = { "content-type": "application/json" };
        if (token.value) headers.authorization = "Bearer " + token.value;
        return fetch(root + "live/" + what, {
          method: "POST", headers: headers,
          body: JSON.stringify({ service: form.getAttribute("data-service"), channel: form.getAttribute("data-channel"), event: text.value })
        }).then(function (r) {
          return r.json().then(function (j) { j.status = r.status; return j; });
        });
      }
      function show(kind, line, problems) {
        said.className = "checked " + kind;
        said.textContent = line;
        if (problems && problems.length) {
          var ul = make("ul");
          problems.forEach(function (p) { ul.appendChild(make("li", {}, (p.pointer ? p.pointer + ": " : "") + p.message)); });
          said.appendChild(ul);
        }
      }
      function check() {
        var mine = ++asked;
        call("check").then(function (j) {
          if (mine !== asked) return;
          if (j.token) token.parentNode.hidden = false;
          send.disabled = !j.valid;
          if (j.error) show("bad", j.error);
          else if (j.valid) show("good", "The contract allows it.");
          else show("bad", "The contract does not allow it:", j.problems);
        }, function () { if (mine === asked) { send.disabled = true; show("bad", "The server does not answer."); } });
      }
      text.addEventListener("input", function () { send.disabled = true; clearTimeout(wait); wait = setTimeout(check, 120); });
      form.addEventListener("submit", function (e) {
        e.preventDefault();
        if (send.disabled) return;
        send.disabled = true;
        call("publish").then(function (j) {
          send.disabled = false;
          if (j.sent) show("good", "Sent, and acknowledged by the broker.");
          else show("bad", j.error || "It was not sent:", j.problems);
        }, function () { send.disabled = false; show("bad", "The server does not answer; it may not have been sent."); });
      });
      form.querySelector("[data-fresh]").addEventListener("click", function () {
        try {
          var e = JSON.parse(text.value);
          e.id = self.crypto && crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random().toString(36).slice(2);
          if (e.time !== undefined) e.time = new Date().toISOString();
          text.value = JSON.stringify(e, null, 2);
        } catch (err) { /* it says already that it is no JSON */ }
        check();
      });
      check();
    });
  }

  theme(); menu(); search(); tabs(); copies();
  // What is not seen at once waits until the page is.
  requestAnimationFrame(function () { setTimeout(function () { contents(); live(); publish(); }); });
})();
