// The judges of a page: axe, html-validate, and what nobody should see whatever the page says.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { HtmlValidate } from "html-validate";
import { TOP } from "./town.mjs";

const require = createRequire(import.meta.url);
const AXE = await readFile(join(dirname(require.resolve("axe-core/package.json")), "axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
export const SIZES = [{ width: 1280, height: 900 }, { width: 320, height: 256 }];
const validator = new HtmlValidate({
  extends: ["html-validate:recommended"],
  rules: {
    // Tables that small screens show as blocks lose their roles where these are not written down.
    "no-redundant-role": "off",
    // The title says first how things are, and for whom last; search engines are no judge of that.
    "long-title": "off",
    // Without script a page on which numbers move loads itself again.
    "meta-refresh": "off",
    // The style sheet keeps telephone numbers on one line.
    "tel-non-breaking": "off",
  },
});

let failed = 0;

/** Whether every check so far passed. */
export const allPassed = () => failed === 0;

export function tell(check, faults) {
  const pass = faults.length === 0;
  failed += pass ? 0 : 1;
  console.log(JSON.stringify({ check, pass, ...(pass ? {} : { why: faults.slice(0, 5).join("; ") }) }));
}

/** A browser of its own, with an empty profile. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.OYEZ_TEST_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** The pages that a part of the router's source names, so that none is forgotten: a new one fails until it is looked at. */
export async function routes(file, from, to) {
  const source = await readFile(join(TOP, file), "utf8");
  const part = source.slice(source.indexOf(from), source.indexOf(to));
  const found = [...part.matchAll(/\.route\(\s*"([^"]+)",\s*get\(/g)].map(([, path]) => path);
  if (found.length === 0) throw new Error(`no route was found in ${file}`);
  return found;
}

/** Valid HTML, and no larger than it may be. */
export async function written(html, name, mostBytes) {
  const faults = [];
  if (Buffer.byteLength(html) > mostBytes) faults.push(`${Buffer.byteLength(html)} bytes`);
  const report = await validator.validateString(html, name);
  const messages = report.results.flatMap((one) => one.messages);
  faults.push(...messages.map((one) => `line ${one.line}: ${one.ruleId}: ${one.message}`));
  return faults;
}

/** What is wrong with a page as it stands: by axe, and that nobody has to scroll sideways. */
export async function stands(page) {
  const faults = [];
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  const { width } = page.viewportSize();
  if (wide > width) faults.push(`is ${wide} px wide on a screen of ${width}: ${await widest(page)}`);
  return [...faults, ...(await axe(page))];
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
