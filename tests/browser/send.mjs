// What those see who send: from the account to the stop button, with script and again without.
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { SIZES, launch, routes, stands, tell, written } from "./judge.mjs";
import { Town } from "./town.mjs";

const AT_MOST_BYTES = 60_000;
const PEOPLE = 40;
// Slow enough for a person to be in time with the stop button.
const SLOW = "pace = { rate_per_second = 2.0, concurrency = 1 }\n";
const PASSWORD = "four words nobody knows";
const STEP_SECONDS = 30;
// Addresses of the console that are no pages of their own.
const NO_PAGES = ["/updates/{id}/live", "/updates/{id}/stream", "/static/console.css", "/static/console.js"];

/** The code that an authenticator app shows (RFC 6238), for a key in base32. */
function code(key, step) {
  const bits = [...key.replaceAll(" ", "").toUpperCase()].map((sign) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(sign).toString(2).padStart(5, "0"));
  const secret = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** One officer at a screen: what is shown is judged at each size, whatever led there. */
class Officer {
  constructor(browser, town, script, screens) {
    Object.assign(this, { browser, town, script, screens, seen: new Set() });
  }

  async sit() {
    this.context = await this.browser.newContext({ javaScriptEnabled: this.script });
    this.page = await this.context.newPage();
    this.judge = await (await this.browser.newContext({ bypassCSP: true })).newPage();
    const elsewhere = (url) => !url.startsWith(this.town.base) && !url.startsWith("data:");
    this.page.on("request", (request) => elsewhere(request.url()) && tell(`nothing comes from elsewhere`, [request.url()]));
    this.page.on("response", (answer) => answer.request().isNavigationRequest() && (this.answer = answer));
    this.page.on("pageerror", (error) => tell("script works", [error.message]));
  }

  go(path) {
    return this.page.goto(this.town.base + path);
  }

  press(name) {
    return this.page.getByRole("button", { name }).first().click();
  }

  /** Judges what the officer has before them, under a name. The judge needs script, and gets the page as it stands. */
  async looks(name) {
    const path = new URL(this.page.url()).pathname;
    this.seen.add(path);
    const html = await this.page.content();
    const title = `${name} ${this.script ? "with" : "without"} script`;
    // What the server wrote: what the browser holds is mended already.
    const faults = await written(await this.answer.text(), path, AT_MOST_BYTES);
    await this.judge.route(this.page.url(), (route) => route.fulfill({ body: html, contentType: "text/html; charset=utf-8" }));
    for (const size of SIZES) {
      await this.judge.setViewportSize(size);
      await this.judge.goto(this.page.url());
      const found = await stands(this.judge);
      faults.push(...found.map((fault) => `${size.width} px: ${fault}`));
      if (this.screens && this.script) await this.judge.screenshot({ path: join(this.screens, `${name.replaceAll(" ", "_")}-${size.width}.png`), fullPage: true });
    }
    await this.judge.unroute(this.page.url());
    tell(title, faults);
  }

  async expects(text, why) {
    const there = (await this.page.locator("main").innerText()).includes(text);
    tell(`${why} ${this.script ? "with" : "without"} script`, there ? [] : [`${text} is not on ${this.page.url()}`]);
  }
}

/** Signs in with the token, while there are no accounts. */
async function signsInWithTheToken(officer) {
  await officer.go("/console");
  await officer.looks("sign in with a token");
  await officer.page.getByLabel("Token").fill("wrong");
  await officer.press("Sign in");
  await officer.looks("a wrong token");
  await officer.page.getByLabel("Token").fill(await officer.town.token());
  await officer.press("Sign in");
}

/** Writes an update, looks at it and lets it go. */
async function writes(officer) {
  await officer.go("/console");
  await officer.looks("dashboard");
  await officer.go("/console/updates/new");
  await officer.looks("write an update");
  await officer.press("See it on every channel");
  await officer.looks("an update without words");
  const field = (name) => officer.page.locator(`[name="${name}"]`);
  await field("new_incident").fill(`Cyber security incident ${officer.script ? 1 : 2}`);
  await field("headline").fill(`Do not cancel your Direct Debit ${officer.script ? 1 : 2}`);
  await field("what_to_do").fill("Keep money in your account.\nCall 020 7641 6000.");
  await officer.page.locator("#next-none").check();
  await officer.press("See it on every channel");
  await officer.looks("check an update");
  await officer.page.locator("main form button").first().click();
}

/** Watches it, stops it at once, lets it go on, and stops it for good. */
async function stops(officer) {
  const reference = new URL(officer.page.url()).pathname.split("/").pop();
  await officer.looks("an update on its way");
  await officer.press("Stop sending now");
  await officer.looks("sending is paused");
  await officer.expects("Sending is paused", "the stop button acts before it asks");
  await officer.press("Let it go on");
  await officer.press("Stop sending now");
  await officer.press("Stop the rest for good");
  await officer.looks("a stop without a reason");
  await officer.page.getByLabel("Why it is stopped").fill("wrong telephone number");
  await officer.press("Stop the rest for good");
  await officer.looks("stopped");
  await officer.go(`/console/updates/${reference}`);
  await officer.looks("a stopped update");
  const page = await fetch(`${officer.town.base}/u/${reference}`).then((answer) => answer.text());
  const words = "We stopped sending this update before everybody had it";
  tell(`residents are told that it was stopped ${officer.script ? "with" : "without"} script`, page.includes(words) ? [] : ["not on its page"]);
}

async function looksAround(officer) {
  await officer.go("/console/queue");
  await officer.looks("queue");
  await officer.press("Hold everything");
  await officer.go("/console/queue");
  await officer.looks("everything is held");
  await officer.press("Let everything go on");
  await officer.go("/console/unknowns");
  await officer.looks("may have been sent");
}

/** Sets up an account by its link, and signs in with password and code. */
async function signsIn(officer, name) {
  const added = await officer.town.oyez("user", "add", `${name}@example.org`, "--name", "Officer 1", "--may", "write,approve,stop");
  const link = JSON.stringify(added).match(/\/console\/set-up\/[A-Za-z0-9_-]+/)[0];
  await officer.go(link);
  await officer.looks("set up an account");
  const key = await officer.page.locator(".key code").innerText();
  await officer.page.getByLabel("Choose a password").fill(PASSWORD);
  await officer.page.locator("#code").fill("000000");
  await officer.press("Set up my account");
  await officer.looks("set up with a wrong code");
  await officer.page.getByLabel("Choose a password").fill(PASSWORD);
  const step = Math.floor(Date.now() / 1000 / STEP_SECONDS);
  await officer.page.locator("#code").fill(code(key, step));
  await officer.press("Set up my account");
  await officer.looks("recovery codes");
  const recovery = await officer.page.locator(".codes code").first().innerText();
  await officer.go("/console/sign-in");
  await officer.looks("sign in");
  await officer.page.getByLabel("Email address").fill(`${name}@example.org`);
  await officer.page.getByLabel("Password").fill("not this one");
  await officer.press("Continue");
  await officer.looks("a wrong password");
  await officer.page.getByLabel("Email address").fill(`${name}@example.org`);
  await officer.page.getByLabel("Password").fill(PASSWORD);
  await officer.press("Continue");
  await officer.looks("enter your code");
  // The app's code was used a moment ago, so the paper has to do.
  await officer.page.locator("#code").fill(recovery);
  await officer.press("Sign in");
  await officer.expects("Dashboard", "an account opens the console");
}

/** Which pages of the console nobody has looked at. */
async function forgotten(seen) {
  const routed = await routes("src/http/console.rs", "pub(crate) fn routes()", ".layer(");
  const pattern = (route) => new RegExp(`^/console${route === "/" ? "/?" : route.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
  const pages = routed.filter((route) => !NO_PAGES.includes(route));
  return pages.filter((route) => ![...seen].some((path) => pattern(route).test(path)));
}

export async function send(screens) {
  const town = await Town.open(SLOW);
  const browser = await launch();
  try {
    const csv = ["email", ...Array.from({ length: PEOPLE }, (_, n) => `resident${n}@example.org`)].join("\n");
    await town.people(csv);
    const seen = new Set();
    const officers = [true, false].map((script) => new Officer(browser, town, script, screens));
    for (const officer of officers) {
      await officer.sit();
      await signsInWithTheToken(officer);
      await writes(officer);
      await stops(officer);
      await looksAround(officer);
    }
    for (const officer of officers) {
      await officer.sit();
      await signsIn(officer, officer.script ? "first" : "second");
      for (const path of officer.seen) seen.add(path);
    }
    const left = await forgotten(seen);
    tell("every page of the console is looked at", left.map((route) => `${route} is not`));
  } finally {
    await browser.close();
    await town.close();
  }
}
