// Looks at the pages as people see them: Chromium opens each, axe and html-validate judge it.
//
// node run.mjs receive [--screens DIR]: what residents see, with script and without, at 1280 and at 320 px. One JSON line for
// each check, {"check", "pass", "why"}; exit 1 when one failed.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { HtmlValidate } from "html-validate";
import { TOP, Town } from "./town.mjs";

const require = createRequire(import.meta.url);
const AXE = await readFile(join(dirname(require.resolve("axe-core/package.json")), "axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const SIZES = [{ width: 1280, height: 900 }, { width: 320, height: 256 }];
const AT_MOST_BYTES = 50_000;
// Addresses of the router that are no pages.
const NO_PAGES = ["/feed.atom", "/updates.json", "/api/v2/{*rest}", "/robots.txt", "/.well-known/security.txt", "/healthz", "/readyz", "/metrics"];

const validator = new HtmlValidate({
  extends: ["html-validate:recommended"],
  rules: {
    // Tables that small screens show as blocks lose their roles where these are not written down.
    "no-redundant-role": "off",
    // The title says first how things are, and for whom last; search engines are no judge of that.
    "long-title": "off",
    // The style sheet keeps telephone numbers on one line.
    "tel-non-breaking": "off",
  },
});

let failed = 0;
function tell(check, faults) {
  const pass = faults.length === 0;
  failed += pass ? 0 : 1;
  console.log(JSON.stringify({ check, pass, ...(pass ? {} : { why: faults.slice(0, 5).join("; ") }) }));
}

/** The pages that the router names, so that none is forgotten: a new one fails until it is here. */
async function routes() {
  const source = await readFile(join(TOP, "src/http/router.rs"), "utf8");
  const open = source.slice(source.indexOf("fn open()"), source.indexOf("/// What the token opens."));
  const found = [...open.matchAll(/\.route\(\s*"([^"]+)",\s*get\(/g)].map(([, path]) => path);
  if (found.length === 0) throw new Error("no route was found in router.rs");
  return found.filter((path) => !NO_PAGES.includes(path));
}

/** An example of each page, and who has to have another look at it. */
async function pages(town) {
  const known = {
    "/": ["/"],
    "/history": ["/history"],
    "/i/{incident}": [`/i/${town.incident}`],
    "/u/{reference}": [town.update, town.correction, town.long, town.arabic, town.stopped, town.last, "QQQ-QQQ"].map((one) => `/u/${one}`),
    "/x/{token}": [`/x/${await town.stopToken()}`, "/x/forged"],
    "/problems/{slug}": ["/problems/not-found"],
  };
  const routed = await routes();
  tell("every page of the router is looked at", routed.filter((route) => !known[route]).map((route) => `${route} is not`));
  return routed.flatMap((route) => known[route] ?? []);
}

async function axe(page) {
  const result = await page.evaluate(async ([source, rules]) => {
    if (!globalThis.axe) (0, eval)(source);
    return globalThis.axe.run(document, { runOnly: { type: "tag", values: rules } });
  }, [AXE, RULES]);
  return result.violations.map((found) => `${found.id}: ${found.nodes[0].html.slice(0, 120)}`);
}

/** The element that reaches furthest to the right. */
function widest(page) {
  return page.evaluate(() => {
    const reach = (element) => element.getBoundingClientRect().right;
    const all = [...document.querySelectorAll("main *")].sort((one, other) => reach(other) - reach(one));
    return all[0]?.outerHTML.slice(0, 120);
  });
}

/** What one page does to a person: told for one size, with script or without. */
async function look(browser, town, path, size, script, screens) {
  const context = await browser.newContext({ viewport: size, serviceWorkers: "block", bypassCSP: true });
  const page = await context.newPage();
  const faults = [], asked = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => faults.push(`script failed: ${error.message}`));
  // The judge itself needs script: it may run once the page is there.
  const devtools = await context.newCDPSession(page);
  await devtools.send("Emulation.setScriptExecutionDisabled", { value: !script });
  await page.goto(town.base + path);
  await devtools.send("Emulation.setScriptExecutionDisabled", { value: false });
  const elsewhere = asked.filter((url) => !url.startsWith(town.base) && !url.startsWith("data:"));
  faults.push(...elsewhere.map((url) => `asks ${url}`));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > size.width) faults.push(`is ${wide} px wide on a screen of ${size.width}: ${await widest(page)}`);
  const scripts = await page.evaluate(() => document.scripts.length);
  if (scripts > 0) faults.push(`${scripts} scripts on a page for residents`);
  if ((await context.cookies()).length > 0) faults.push("sets a cookie");
  if (asked.filter((url) => !url.startsWith("data:")).length > 1) faults.push(`needs ${asked.length} requests: ${asked}`);
  faults.push(...(await axe(page)));
  if (screens) await page.screenshot({ path: join(screens, `${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}-${size.width}.png`), fullPage: true });
  await context.close();
  return faults;
}

/** The page as text: valid HTML, small, and the same for those who turned script off. */
async function read(town, path) {
  const answer = await fetch(town.base + path, { headers: { "accept-encoding": "identity" } });
  const html = await answer.text();
  const faults = [];
  if (Buffer.byteLength(html) > AT_MOST_BYTES) faults.push(`${Buffer.byteLength(html)} bytes`);
  const report = await validator.validateString(html, path);
  faults.push(...report.results.flatMap((one) => one.messages).map((one) => `line ${one.line}: ${one.ruleId}: ${one.message}`));
  return faults;
}

/** Every telephone link dials the digits it shows. */
async function dials(browser, town) {
  const page = await browser.newPage();
  await page.goto(town.base);
  const wrong = await page.$$eval('a[href^="tel:"]', (links) =>
    links.filter((link) => link.getAttribute("href").replace(/\D/g, "") !== link.textContent.replace(/\D/g, "")).map((link) => link.outerHTML));
  const many = await page.$$eval('a[href^="tel:"]', (links) => links.length);
  await page.close();
  return many < 2 ? [`only ${many} telephone links`] : wrong;
}

/** In a text that is read from right to left the groups of a telephone number still follow each other from left to right. */
async function ordered(browser, town) {
  const page = await browser.newPage();
  await page.goto(`${town.base}/u/${town.arabic}`);
  const lefts = await page.evaluate((groups) => {
    const all = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (all.nextNode()) {
      const text = all.currentNode.data;
      if (!groups.every((group) => text.includes(group)) || !/[\u0600-\u06ff]/.test(text)) continue;
      return groups.map((group) => {
        const range = document.createRange();
        range.setStart(all.currentNode, text.indexOf(group));
        range.setEnd(all.currentNode, text.indexOf(group) + group.length);
        return range.getBoundingClientRect().left;
      });
    }
    return [];
  }, ["020", "7641", "6000"]);
  await page.close();
  if (lefts.length === 0) return ["no Arabic line with the number was found"];
  return lefts[0] < lefts[1] && lefts[1] < lefts[2] ? [] : [`the groups stand at ${lefts.map(Math.round)}`];
}

/** A link scanner that opens the link to stop changes nothing; the button does, and says so. */
async function stops(browser, town) {
  const faults = [];
  const address = `${town.base}/x/${await town.stopToken()}`;
  for (let times = 0; times < 3; times += 1) await fetch(address);
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(address);
  const button = page.getByRole("button");
  if ((await button.count()) !== 1) faults.push("after three looks there is no button any more");
  else await button.click();
  await page.goto(address);
  if ((await page.getByRole("button").count()) !== 0) faults.push("after the button it still offers to stop");
  await context.close();
  return faults;
}

async function receive(screens) {
  const town = await Town.open();
  const browser = await chromium.launch({
    executablePath: process.env.OYEZ_TEST_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    await town.fill();
    const all = await pages(town);
    for (const path of all) tell(`valid HTML of at most 50,000 bytes: ${path}`, await read(town, path));
    for (const size of SIZES) {
      for (const path of all) {
        for (const script of [true, false]) {
          const faults = await look(browser, town, path, size, script, script && screens);
          tell(`${path} at ${size.width} px ${script ? "with" : "without"} script`, faults);
        }
      }
    }
    tell("telephone links dial what they show", await dials(browser, town));
    tell("telephone numbers keep their order in Arabic", await ordered(browser, town));
    tell("a look at the link to stop changes nothing, its button does", await stops(browser, town));
    tell("every page was looked at", []);
  } finally {
    await browser.close();
    await town.close();
  }
}

const [what, flag, screens] = process.argv.slice(2);
if (what !== "receive" || (flag && (flag !== "--screens" || !screens))) {
  console.error("usage: node run.mjs receive [--screens DIR]");
  process.exit(2);
}
if (screens) await mkdir(screens, { recursive: true });
await receive(screens);
process.exit(failed ? 1 : 0);
