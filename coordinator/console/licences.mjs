// Writes dist/licences.txt: the licences of the packages that are in the bundle. One that is not permissive fails the build.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

/** As deny.toml has them for crates. */
const PERMISSIVE = new Set(["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib"]);

const inputs = Object.keys(JSON.parse(readFileSync("dist/meta.json", "utf8")).inputs);
const css = existsSync("dist/meta-css.json")
  ? Object.keys(JSON.parse(readFileSync("dist/meta-css.json", "utf8")).inputs)
  : [];
const folders = [...inputs, ...css].map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
const names = [...new Set(folders.filter((name) => name !== undefined))].sort();

let text = "The pages of muster console hold these packages, unchanged but for uPlot, which is minified.\n";
for (const name of names) {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  if (!PERMISSIVE.has(about.license)) {
    console.error(`error: ${name} ${about.version} has the licence ${about.license}`);
    console.error("  cause: only permissive licences are shipped");
    process.exit(1);
  }
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) {
    console.error(`error: ${name} ${about.version} comes without the text of its licence`);
    process.exit(1);
  }
  text += `\n${"=".repeat(78)}\n${name} ${about.version} (${about.license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
}
writeFileSync("dist/licences.txt", text);
