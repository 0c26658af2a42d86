// A council in the middle of an incident: the real program serving pages that have something on them.
import { spawn, execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

// The judges' packages stand elsewhere, and this file is copied to them.
const TOP = process.env.OYEZ_TOP ?? new URL("../..", import.meta.url).pathname;
const BINARY = process.env.OYEZ_BINARY ?? join(TOP, "target/debug/oyez");
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OYEZ_")));
const ANSWERS_SECONDS = 30;
// The longest headline there may be, without a place to break it, and what tries to be markup.
const UNBROKEN = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch<b>&amp;</b>-Strasse";

/** A free port of this machine. */
async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export { TOP };

export class Town {
  /** Starts the program in a folder of its own, with further settings. */
  static async open(more = "") {
    const town = new Town();
    town.folder = await mkdtemp(join(tmpdir(), "oyez-browser-"));
    town.parcels = town.at("parcels");
    await mkdir(town.parcels);
    town.port = await freePort();
    town.base = `http://127.0.0.1:${town.port}`;
    await writeFile(town.at("oyez.toml"), town.settings() + more);
    town.server = spawn(BINARY, ["serve", "--config", town.at("oyez.toml")], { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    town.said = "";
    for (const stream of [town.server.stdout, town.server.stderr]) stream.on("data", (bytes) => (town.said += bytes));
    await town.answers();
    return town;
  }

  at(name) {
    return join(this.folder, name);
  }

  settings() {
    return `
[organisation]
name = "Westminster City Council"
gss = "E09000033"
contact_telephone = "020 7641 6000"
public_host = "127.0.0.1:${this.port}"
public_url = "${this.base}"
[http]
listen = "127.0.0.1:${this.port}"
base_url = "${this.base}"
[store]
data_dir = "${this.at("store")}"
[channels.residents_email.via.file]
folder = "${this.parcels}"
carries = "email"
[channels.residents_email]
`;
  }

  async answers() {
    const until = Date.now() + ANSWERS_SECONDS * 1000;
    for (;;) {
      if (this.server.exitCode !== null) throw new Error(`serve ended with ${this.server.exitCode}: ${this.said}`);
      const alive = await fetch(`${this.base}/readyz`).then((answer) => answer.ok, () => false);
      if (alive) return;
      if (Date.now() > until) throw new Error(`serve does not answer: ${this.said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Runs a command against the server and reads what it prints as JSON. */
  async oyez(...words) {
    const { stdout } = await promisify(execFile)(BINARY, [...words, "--json", "--config", this.at("oyez.toml")], { env: ENVIRONMENT });
    return JSON.parse(stdout);
  }

  /** Lets people in, from CSV. */
  async people(csv) {
    await writeFile(this.at("people.csv"), csv);
    await this.oyez("subscriber", "import", this.at("people.csv"));
  }

  async file(name, value) {
    await writeFile(this.at(name), JSON.stringify(value));
    return this.at(name);
  }

  /** The token that opens the console while there are no accounts. */
  async token() {
    return (await readFile(join(this.folder, "store", "console.token"), "utf8")).trim();
  }

  /** Services, people, an incident, and updates of every sort: sent, corrected, stopped, in another language, over long. */
  async fill() {
    const demo = JSON.parse(await readFile(join(TOP, "config/demo.json"), "utf8"));
    await this.oyez("service", "put", await this.file("services.json", demo.services));
    await this.oyez("subscriber", "add", "--email", "resident1@example.org");
    const incident = await this.oyez("incident", "new", "--file", await this.file("incident.json", demo.incident));
    this.incident = incident.id;
    const soon = new Date(Date.now() + 3 * 3600_000).toISOString();
    const late = new Date(Date.now() + 1000).toISOString();
    const update = { ...demo.update, incident: incident.id, next_update_by: soon };
    this.update = await this.send("first", { ...update, next_update_by: late });
    await this.oyez("update", "watch", this.update);
    this.correction = await this.send("second", { ...update, kind: "correction", headline: "Correction: the helpline number" });
    this.long = await this.send("third", { ...update, headline: UNBROKEN, detail: `${"word ".repeat(300)}\n\n${"x".repeat(400)}` });
    this.arabic = await this.send("fourth", {
      ...update, language: "ar", headline: "لا تلغوا الخصم المباشر للإيجار",
      what_to_do: ["اتصلوا على 020 7641 6000."], what_not_to_do: [], detail: "نعتذر عن الإزعاج.",
    });
    this.stopped = await this.send("fifth", { ...update, headline: "Pay at the town hall" });
    await this.oyez("update", "stop", this.stopped, "--reason", "wrong address");
    this.last = await this.send("sixth", update);
  }

  async send(name, update) {
    const { reference } = await this.oyez("update", "new", "--file", await this.file(`${name}.json`, update));
    await this.oyez("update", "send", reference, "--yes", "--again");
    return reference;
  }

  /** The token in the link with which the resident stops messages. */
  async stopToken() {
    for (const name of await readdir(this.parcels, { recursive: true })) {
      const text = await readFile(join(this.parcels, name), "utf8").catch(() => "");
      const found = text.replaceAll("=\r\n", "").match(/\/x\/([A-Za-z0-9_-]+)/);
      if (found) return found[1];
    }
    throw new Error("no message has a link to stop");
  }

  async close() {
    this.server.kill("SIGTERM");
    if (this.server.exitCode === null) await new Promise((done) => this.server.once("exit", done));
    await rm(this.folder, { recursive: true, force: true });
  }
}
