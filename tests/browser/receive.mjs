// What residents see: every page of the public site, wide and narrow, with script and without.
import { join } from "node:path";
import { SIZES, launch, routes, stands, tell, written } from "./judge.mjs";
import { Town } from "./town.mjs";

const AT_MOST_BYTES = 50_000;
// Addresses of the router that are no pages.
const NO_PAGES = ["/feed.atom", "/updates.json", "/api/v2/{*rest}", "/robots.txt", "/.well-known/security.txt", "/healthz", "/readyz", "/metrics"];

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
  const open = await routes("src/http/router.rs", "fn open()", "/// What the token opens.");
  const routed = open.filter((path) => !NO_PAGES.includes(path));
  tell("every page of the router is looked at", routed.filter((route) => !known[route]).map((route) => `${route} is not`));
  return routed.flatMap((route) => known[route] ?? []);
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
  const scripts = await page.evaluate(() => document.scripts.length);
  if (scripts > 0) faults.push(`${scripts} scripts on a page for residents`);
  if ((await context.cookies()).length > 0) faults.push("sets a cookie");
  if (asked.filter((url) => !url.startsWith("data:")).length > 1) faults.push(`needs ${asked.length} requests: ${asked}`);
  faults.push(...(await stands(page)));
  if (screens) await page.screenshot({ path: join(screens, `${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}-${size.width}.png`), fullPage: true });
  await context.close();
  return faults;
}

/** The page as text. */
async function read(town, path) {
  const answer = await fetch(town.base + path, { headers: { "accept-encoding": "identity" } });
  return written(await answer.text(), path, AT_MOST_BYTES);
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

export async function receive(screens) {
  const town = await Town.open();
  const browser = await launch();
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
  } finally {
    await browser.close();
    await town.close();
  }
}
