// Looks at pages as people see them. One JSON line for each check, {"check", "pass", "why"}; exit 1 when one failed.
//
// node run.mjs receive|send [--screens DIR]: what residents see, or what those see who send
import { mkdir } from "node:fs/promises";
import { allPassed, tell } from "./judge.mjs";
import { receive } from "./receive.mjs";
import { send } from "./send.mjs";

const looks = { receive, send };
const [what, flag, screens] = process.argv.slice(2);
if (!looks[what] || (flag && (flag !== "--screens" || !screens))) {
  console.error("usage: node run.mjs receive|send [--screens DIR]");
  process.exit(2);
}
if (screens) await mkdir(screens, { recursive: true });
await looks[what](screens);
tell("every page was looked at", []);
process.exit(allPassed() ? 0 : 1);
