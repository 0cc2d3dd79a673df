// Looks at a catalogue in a browser: node check.mjs EXPORT URL SCREENSHOTS, with
// playwright-core and axe-core below the folder TREATY_BROWSER. EXPORT is the folder
// of an export, opened as files; URL a catalogue that is served with events and with
// --write. Prints what it has looked at, and ends with 1 where something is wrong.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.TREATY_BROWSER, "node_modules", "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [folder, served, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });

let wrong = 0;
function hold(what, is, more = "") {
  console.log(`${is ? "ok  " : "FAIL"} ${what}${is ? "" : " " + more}`);
  if (!is) wrong++;
}
const file = (name) => pathToFileURL(join(folder, name)).href;
const launch = () => chromium.launch({ executablePath: process.env.TREATY_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const browser = await launch();

async function open(options, by = browser) {
  const context = await by.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") hold("the console is quiet", false, `${page.url()}: ${m.text()}`); });
  page.on("pageerror", (e) => hold("no script fails", false, `${page.url()}: ${e.message}`));
  return page;
}

// rules names those to look at; without it, all.
async function accessible(page, name, rules) {
  if (!(await page.evaluate(() => "axe" in self))) await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => self.axe.run(document, { resultTypes: ["violations"], preload: false, ...(rules ? { runOnly: rules } : {}) }), rules);
  const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  hold(`${name}: no serious violation`, serious.length === 0, serious.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.failureSummary.replace(/\s+/g, " ").slice(0, 200)).join(" | ")}`).join("\n     "));
}

async function wide(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  hold(`${name}: fits the width`, over <= 0, `${over} pixels too wide`);
}

// Every page of the export, as a file, in both colour schemes and two widths.
const pages = [];
(function walk(dir) {
  for (const e of readdirSync(dir)) {
    const at = join(dir, e);
    if (statSync(at).isDirectory()) walk(at);
    else if (e.endsWith(".html")) pages.push(relative(folder, at));
  }
})(folder);
hold("the export has pages", pages.length > 10);
// A page is loaded once at each width, and painted again in the other scheme: colours
// alone change with it, so only what is said of colours is looked at again. The two
// widths are looked at side by side, each in its own browser.
const ofColours = ["color-contrast", "link-in-text-block"];
await Promise.all([1280, 380].map(async (width) => {
  const own = await launch();
  const page = await open({ colorScheme: "light", viewport: { width, height: 900 } }, own);
  for (const name of pages) {
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(file(name));
    let light;
    for (const colorScheme of ["light", "dark"]) {
      const as = `${name}, ${colorScheme}, ${width}`;
      await page.emulateMedia({ colorScheme });
      const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      if (colorScheme === "light") light = colour;
      else hold(`${as}: has its own colours`, colour !== light, colour);
      await wide(page, as);
      await accessible(page, as, colorScheme === "dark" ? ofColours : undefined);
      await page.screenshot({ path: join(shots, `${name.replace(/[^a-z0-9]+/gi, "_")}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  await own.close();
}));

// Search: from the first key, by name and by field, with the keyboard alone.
{
  const page = await open({});
  await page.goto(file("index.html"));
  await page.keyboard.press("/");
  await page.keyboard.type("p");
  await page.waitForSelector("#hits [role=option] a");
  hold("search: something is found from the first key", (await page.locator("#hits a").count()) > 0);
  await page.keyboard.type("aid");
  await page.waitForFunction(() => document.querySelector("#hits [aria-selected=true] code")?.textContent.includes("paid"));
  hold("search: the result is announced", /result/.test(await page.textContent("#found")));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForURL(/events\//);
  hold("search: Enter opens the event", /paid/.test(await page.title()));
  await page.keyboard.press("/");
  await page.keyboard.type("total_minor");
  await page.waitForSelector("#hits mark");
  hold("search: a field finds its events", /orders\./.test(await page.textContent("#hits")));
  await page.keyboard.press("Escape");
  hold("search: Escape closes", await page.isHidden("#hits"));
  await page.fill("#q", "nothing is called so");
  hold("search: nothing found is said", /Nothing/.test(await page.textContent("#hits")));

  // Tabs by keyboard.
  const bar = page.locator(".tablist").first();
  await bar.locator("[role=tab]").first().focus();
  await page.keyboard.press("ArrowRight");
  hold("tabs: the arrow moves on", (await bar.locator("[role=tab]").nth(1).getAttribute("aria-selected")) === "true");
  const shown = await page.evaluate(() => [...document.querySelectorAll(".tabs.made")].every((t) => [...t.children].filter((c) => c.dataset.tab !== undefined && !c.hidden).length === 1));
  hold("tabs: one panel is shown in each", shown);

  // Colours.
  const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.click("[data-theme-switch]");
  const after = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  hold("colours: the switch changes them", before !== after);
  await page.goto(file("channels/index.html"));
  hold("colours: they stay", after === (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)));

  // By keyboard alone from the top to the content.
  await page.keyboard.press("Tab");
  hold("keyboard: the first stop skips to the content", (await page.evaluate(() => document.activeElement.className)) === "skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  hold("keyboard: and the next is in it", await page.evaluate(() => document.querySelector("main").contains(document.activeElement)));
  await page.context().close();
}

// Narrow: the menu.
{
  const page = await open({ viewport: { width: 380, height: 780 } });
  await page.goto(file("index.html"));
  hold("menu: closed at first", !(await page.isVisible("#menu")));
  await page.click(".icon.menu");
  hold("menu: opens", await page.isVisible("#menu"));
  await page.keyboard.press("Escape");
  hold("menu: Escape closes it", !(await page.isVisible("#menu")));
  await page.context().close();
}

// Without a script everything is there to be read.
{
  const page = await open({ javaScriptEnabled: false });
  const event = pages.find((p) => p.startsWith("events/") && p.includes("paid"));
  await page.goto(file(event));
  hold("no script: all forms of the example are shown", (await page.locator("[data-tab]").first().isVisible()) && (await page.locator("[data-tab]").last().isVisible()));
  hold("no script: the navigation is there", await page.isVisible("#menu"));
  await page.context().close();
}

// What changed, with the event that proves it.
{
  const page = await open({});
  const compare = pages.filter((p) => p.startsWith("history/") && p.includes(".."));
  hold("history: versions are compared", compare.length > 0);
  let proved = false;
  for (const name of compare) {
    await page.goto(file(name));
    const summary = page.locator("details summary").first();
    if ((await summary.count()) && !proved) {
      await summary.click();
      proved = /specversion/.test(await page.locator("details[open] pre").first().textContent());
      await page.screenshot({ path: join(shots, "compare-open.png"), fullPage: true });
    }
  }
  hold("history: a break shows the event that proves it", proved);
  await page.context().close();
}

// Ten thousand types: the time of a key, on the machine that this runs on.
{
  const page = await open({});
  const index = Array.from({ length: 10000 }, (_, i) => ["event", `service${i % 97}.thing${i}_happened.v1`, `Thing ${i} happened`, "events/index.html",
    `Service ${i % 97} Team ${i % 13} service${i % 97}.events thing_id amount currency at note lines sku quantity colour${i % 50}`, `Thing ${i} has happened, and will not be undone.`]);
  await page.addInitScript((rows) => {
    Object.defineProperty(self, "treatyIndex", { get: () => rows, set: () => {} });
  }, index);
  await page.goto(file("index.html"));
  await page.focus("#q");
  await page.keyboard.type("z");
  await page.waitForFunction(() => document.getElementById("hits").hidden === false);
  const took = await page.evaluate(async () => {
    const input = document.getElementById("q"), times = [];
    for (const text of ["t", "th", "thi", "thing", "thing9", "thing99", "sku q", "quantity", "nothing", "service 12 amount", "e", "a"]) {
      input.value = text;
      const start = performance.now();
      input.dispatchEvent(new Event("input"));
      document.getElementById("hits").getBoundingClientRect(); // laid out
      times.push(performance.now() - start);
      await new Promise((r) => setTimeout(r, 20));
    }
    return times.sort((a, b) => a - b);
  });
  const middle = took[took.length >> 1];
  console.log(`     a key among 10,000 types takes ${middle.toFixed(1)} ms in the middle, ${took[took.length - 1].toFixed(1)} ms at most`);
  hold("search: a key among 10,000 types takes less than 50 ms", middle < 50, `${middle} ms`);
  await page.context().close();
}

// Live.
if (served) {
  const page = await open({});
  await page.goto(served + "live.html");
  await page.waitForSelector(".feed li");
  hold("live: events come, and are counted", (await page.locator("[data-rates] tbody tr").count()) > 0);
  await accessible(page, "live");
  await page.fill("[name=type]", "orders.paid.*");
  await page.waitForFunction(() => { const w = [...document.querySelectorAll(".feed .what")]; return w.length > 0 && w.every((e) => e.textContent === "orders.paid.v1"); });
  hold("live: filtered by type", true);
  await page.locator(".feed summary").first().click();
  await page.waitForSelector(".feed details[open] pre");
  hold("live: an event opens", /"specversion"/.test(await page.textContent(".feed details[open] pre")));
  await page.screenshot({ path: join(shots, "live.png") });

  await page.goto(served + "events/orders.paid.v1.html");
  await page.waitForFunction(() => /allows it/.test(document.querySelector("[data-checked]").textContent));
  const text = await page.inputValue("#event-text");
  await page.fill("#event-text", text.replace(/"currency": "[^"]*"/, '"currency": "dollars"'));
  await page.waitForFunction(() => /does not allow it/.test(document.querySelector("[data-checked]").textContent));
  hold("publish: says while one types what is wrong, and where", /\/data\/currency/.test(await page.textContent("[data-checked]")));
  hold("publish: what is not allowed cannot be sent", await page.isDisabled(".send [type=submit]"));
  await accessible(page, "publish");
  await page.screenshot({ path: join(shots, "publish.png"), fullPage: true });
  const subject = "ord_browser" + Date.now();
  await page.fill("#event-text", text.replace(/"subject": "[^"]*"/, `"subject": "${subject}"`));
  await page.click("[data-fresh]");
  await page.waitForFunction(() => !document.querySelector(".send [type=submit]").disabled);
  await page.click(".send [type=submit]");
  await page.waitForFunction(() => /^Sent/.test(document.querySelector("[data-checked]").textContent));
  await page.waitForFunction((s) => [...document.querySelectorAll(".feed .subject")].some((e) => e.textContent === s), subject);
  hold("publish: what was sent comes on the stream", true);

  // Both again as people have them: either scheme, either width.
  for (const width of [1280, 380]) {
    const page = await open({ viewport: { width, height: 900 } });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const as = `${colorScheme}, ${width}`;
      await page.goto(served + "live.html");
      await page.waitForSelector(".feed li:nth-child(20)");
      await page.click("[data-pause]"); // what comes and goes is not looked at twice
      await page.locator(".feed summary").first().click();
      await page.waitForSelector(".feed details[open] pre");
      await wide(page, `live, ${as}`);
      await accessible(page, `live, ${as}`);
      await page.screenshot({ path: join(shots, `live-${colorScheme}-${width}.png`), fullPage: true });
      await page.goto(served + "events/orders.paid.v1.html");
      await page.waitForFunction(() => /allows it/.test(document.querySelector("[data-checked]").textContent));
      await page.fill("#event-text", '{"specversion": "1.0"}');
      await page.waitForFunction(() => /does not allow it/.test(document.querySelector("[data-checked]").textContent));
      await wide(page, `publish, ${as}`);
      await accessible(page, `publish, ${as}`);
      await page.screenshot({ path: join(shots, `publish-${colorScheme}-${width}.png`), fullPage: true });
      await page.goto(served + "index.html");
      await page.waitForSelector(".feed li");
      await wide(page, `home with events, ${as}`);
      await page.screenshot({ path: join(shots, `home-live-${colorScheme}-${width}.png`), fullPage: true });
    }
    await page.context().close();
  }

  // The keyboard alone: filter, pause, open an event; write one and send it.
  {
    const page = await open({});
    const press = async (selector) => {
      for (let i = 0; i < 120; i++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return true;
      }
      return false;
    };
    await page.goto(served + "live.html");
    await page.waitForSelector(".feed li");
    hold("keyboard: Tab comes to the filter", await press("[name=type]"));
    await page.keyboard.type("orders.placed.v1");
    await page.waitForFunction(() => { const w = [...document.querySelectorAll(".feed .what")]; return w.length > 0 && w.every((e) => e.textContent === "orders.placed.v1"); });
    hold("keyboard: and to the button that pauses", await press("[data-pause]"));
    await page.keyboard.press("Space");
    hold("keyboard: which pauses", (await page.getAttribute("[data-pause]", "aria-pressed")) === "true");
    hold("keyboard: and to an event", await press(".feed summary"));
    await page.keyboard.press("Enter");
    await page.waitForSelector(".feed details[open] pre");
    hold("keyboard: which opens, and is scrolled", await press(".feed details[open] pre"));
    await page.goto(served + "events/orders.paid.v1.html");
    await page.waitForFunction(() => /allows it/.test(document.querySelector("[data-checked]").textContent));
    hold("keyboard: Tab comes to the form", await press("#event-text"));
    const subject = "ord_keyboard" + Date.now();
    const text = (await page.inputValue("#event-text")).replace(/"subject": "[^"]*"/, `"subject": "${subject}"`).replace(/"id": "[^"]*"/, `"id": "${subject}"`);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText("{");
    await page.waitForFunction(() => document.querySelector("[data-checked]").classList.contains("bad"));
    hold("keyboard: what is no JSON cannot be sent", await page.isDisabled(".send [type=submit]"));
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText(text);
    await page.waitForFunction(() => !document.querySelector(".send [type=submit]").disabled);
    hold("keyboard: and to the button that sends", await press(".send [type=submit]"));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => /^Sent/.test(document.querySelector("[data-checked]").textContent));
    await page.waitForFunction((s) => [...document.querySelectorAll(".feed .subject")].some((e) => e.textContent === s), subject);
    hold("keyboard: what was sent so comes on the stream", true);
    await page.context().close();
  }

  // A browser has six connections to a server: pages that nobody sees take none.
  {
    const first = await open({});
    const seen = (page, hidden) => page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await first.goto(served + "live.html");
    await first.waitForSelector(".feed li");
    await seen(first, true);
    for (let i = 0; i < 8; i++) {
      const page = await first.context().newPage();
      await page.goto(served + "live.html", { timeout: 20000 });
      await page.waitForSelector(".feed li", { timeout: 20000 });
      await seen(page, true);
    }
    hold("live: ten pages are open at a time", true);
    const before = await first.locator(".feed li").count();
    await seen(first, false);
    await first.waitForFunction((n) => document.querySelectorAll(".feed li").length > n, before);
    const places = await first.evaluate(() => [...document.querySelectorAll(".feed summary")].map((s) => s.title));
    hold("live: who comes back sees what came since, and nothing twice", new Set(places).size === places.length, places.join("; "));
    await first.context().close();
  }

  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  console.log(`     first paint of an event page after ${paint?.toFixed(0)} ms`);
  await page.context().close();
}

await browser.close();
console.log(wrong ? `${wrong} wrong` : "all held");
process.exit(wrong ? 1 : 0);
