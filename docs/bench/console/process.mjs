// What processes use, by /proc: CPU, memory, and who descends from whom.
import { readdirSync, readFileSync } from "node:fs";

/** Ticks of a second: the kernel's USER_HZ, 100 on every Linux that Debian has. */
const HERTZ = 100;

/** Returns the fields behind the name in /proc/PID/stat. */
function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Returns the CPU seconds of a process so far; 0 when it has ended. */
export function cpu(pid) {
  try {
    const fields = stat(pid);
    return (Number(fields[11]) + Number(fields[12])) / HERTZ;
  } catch {
    return 0;
  }
}

/** Returns the resident memory of a process in bytes, and how much of it is anonymous: not of a file. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [resident, own] = ["VmRSS", "RssAnon"].map((name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1024);
  return { resident, own };
}

/** Returns the processes of a program below this one. */
export function below(program) {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(stat(name)[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const descends = (pid) => pid === process.pid || (parents.has(pid) && descends(parents.get(pid)));
  const is = (pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith(program);
  return [...parents.keys()].filter((pid) => descends(pid) && is(pid));
}

/** Returns how much of one core processes use while `task` runs: 0.15 is 15 %. */
export async function share(pids, task) {
  const before = pids.reduce((sum, pid) => sum + cpu(pid), 0);
  const began = performance.now();
  await task();
  const seconds = (performance.now() - began) / 1000;
  return (pids.reduce((sum, pid) => sum + cpu(pid), 0) - before) / seconds;
}

/** Returns the load of the last minute. */
export function load() {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}
