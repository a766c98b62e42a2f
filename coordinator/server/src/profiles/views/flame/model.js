// The call tree that a flame graph is drawn from: nodes by stack, by thread, hunt or agent, sums by function, callers and
// callees of one function. It knows nothing of a document.

// Fields of a node in `data.nodes`: parent, function, file, line, module, inlined.
const NODE_FIELDS = 6;
// Fields of a cell in `data.cells` before its values: node, thread, hunt, agent.
const CELL_FIELDS = 4;
// Which field of a cell a grouping reads.
const GROUP_FIELDS = { thread: 1, hunt: 2, agent: 3 };

const share = (part, whole) => whole > 0 ? part / whole : 0;
const percent = (part) => (part * 100).toFixed(part < 0.1 ? 2 : 1) + " %";
const digits = (value) => {
  const size = Math.abs(value);
  return size < 10 ? value.toFixed(2) : size < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
};
// Writes a value in its unit: nanoseconds, bytes, or a count.
const amountIn = (unit, value) => {
  if (unit === "nanoseconds") {
    const ms = value / 1e6;
    return Math.abs(ms) < 10000 ? digits(ms) + " ms" : digits(ms / 1000) + " s";
  }
  if (unit === "bytes") {
    for (const [size, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) if (Math.abs(value) >= size) return digits(value / size) + " " + name;
    return value + " B";
  }
  return value.toLocaleString("en");
};

// `a::B::<C>::d::<E>` → `a::B::d`; of `<a::B as c::D>::e` remains `a::B::e`.
const plain = (text) => {
  let out = "", depth = 0, isImpl = text.startsWith("<"), isTrait = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at], isArrow = char === ">" && text[at - 1] === "-";
    if (char === "<") depth++;
    const inside = depth > (isImpl ? 1 : 0);
    if (isImpl && depth === 1 && text.startsWith(" as ", at)) isTrait = true;
    if (!inside && !isTrait && !(isImpl && depth === 1 && (char === "<" || (char === ">" && !isArrow)))) out += char;
    if (char === ">" && !isArrow && --depth === 0) isImpl = isTrait = false;
  }
  return out.replaceAll("::::", "::").replace(/::$/, "") || text;
};
const brief = (text) => text.split("::").filter((part) => part && !part.startsWith("{")).slice(-2).join("::") || text;

// Makes the model of one document of data. A side is the index of a profile: a difference has two.
const modelOf = (data) => {
  const names = data.names, sides = data.sides.length, cellSize = CELL_FIELDS + sides;
  const field = (node, at) => data.nodes[node * NODE_FIELDS + at];
  const functionOf = (node) => node.node === 0 ? "" : names[field(node.node, 1)];
  const fileOf = (node) => node.node === 0 ? "" : names[field(node.node, 2)];
  const lineOf = (node) => field(node.node, 3);
  const moduleOf = (node) => names[data.modules[field(node.node, 4)]] ?? "";
  const isInlined = (node) => node.node !== 0 && field(node.node, 5) === 1;
  const isGroup = (node) => node.node === 0 && node.group >= 0;

  const born = (parent, node, group) => {
    const made = { parent, node, group, own: [0, 0], total: [0, 0], children: [], depth: parent ? parent.depth + 1 : 0 };
    if (parent) parent.children.push(made);
    return made;
  };
  const weigh = (root) => (node) => share(node.total[0], root.total[0]) + share(node.total[1], root.total[1]);
  // Sorts the children of every node, the most costly first.
  const sorted = (root, all) => {
    const weight = weigh(root);
    for (const node of all) if (node.children.length > 1) node.children.sort((a, b) => weight(b) - weight(a) || a.node - b.node || a.group - b.group);
  };

  // Builds the tree: of all stacks, or with one copy of them for each thread, hunt or agent.
  const build = (grouping) => {
    const at = GROUP_FIELDS[grouping];
    const root = born(null, 0, -1), all = [root], known = new Map();
    const keyOf = (group, node) => group * 1e7 + node;
    known.set(keyOf(-1, 0), root);
    const nodeOf = (group, node) => {
      // The way up to what is known already, then down again.
      const way = [];
      let found = known.get(keyOf(group, node)), at = node;
      while (!found) {
        way.push(at);
        if (at === 0) { found = root; break; }
        at = field(at, 0);
        found = known.get(keyOf(group, at));
      }
      for (const each of way.reverse()) {
        found = born(found, each, group);
        known.set(keyOf(group, each), found);
        all.push(found);
      }
      return found;
    };
    for (let cell = 0; cell < data.cells.length; cell += cellSize) {
      const leaf = nodeOf(at ? data.cells[cell + at] : -1, data.cells[cell]);
      for (let side = 0; side < sides; side++) leaf.own[side] += data.cells[cell + CELL_FIELDS + side];
    }
    // A parent is always before its children.
    for (let index = all.length - 1; index >= 0; index--) {
      const node = all[index];
      for (let side = 0; side < 2; side++) {
        node.total[side] += node.own[side];
        if (node.parent) node.parent.total[side] += node.total[side];
      }
    }
    sorted(root, all);
    return { root, all, grouping: at ? grouping : null };
  };

  const groupName = (kind, group) => {
    const text = names[data[kind + "s"][group]] ?? "";
    if (kind !== "hunt") return text;
    if (text === "agent") return "no hunt: the agent itself";
    if (text === "untagged") return "no hunt: threads nobody claimed";
    return "hunt " + text;
  };
  const nameOf = (tree, node, side) => {
    if (isGroup(node)) return groupName(tree.grouping ?? "thread", node.group);
    if (node.node === 0) return node.total[side] > 0 ? "all" : "no samples";
    return functionOf(node);
  };

  // Adds up functions. One that calls itself counts once for each stack.
  const functions = (tree) => {
    const sums = new Map(), open = new Map();
    const keyOf = (node) => node.node === 0 ? "" : field(node.node, 1) + "/" + field(node.node, 2);
    const stack = [[tree.root, false]];
    while (stack.length) {
      const [node, isLeaving] = stack.pop(), key = keyOf(node);
      if (isLeaving) { open.set(key, open.get(key) - 1); continue; }
      if (key) {
        let sum = sums.get(key);
        if (!sum) sums.set(key, sum = { node, own: [0, 0], total: [0, 0] });
        const above = open.get(key) || 0;
        for (let side = 0; side < 2; side++) {
          sum.own[side] += node.own[side];
          if (above === 0) sum.total[side] += node.total[side];
        }
        open.set(key, above + 1);
        stack.push([node, true]);
      }
      for (const each of node.children) stack.push([each, false]);
    }
    return [...sums.values()];
  };

  // Merges what calls a function (`callers`, a tree upwards) and what it calls (`callees`). Of a function that calls
  // itself the outermost call counts.
  const around = (tree, name) => {
    const wanted = names.indexOf(name);
    const representative = tree.all.find((node) => node.node !== 0 && field(node.node, 1) === wanted);
    if (!representative) return null;
    const up = { root: born(null, representative.node, -1), all: [], grouping: null };
    const down = { root: born(null, representative.node, -1), all: [], grouping: null };
    up.all.push(up.root);
    down.all.push(down.root);
    const step = (into, parent, node) => {
      const index = field(node.node, 1);
      parent.byFunction ??= new Map();
      let found = parent.byFunction.get(index);
      if (!found) {
        parent.byFunction.set(index, found = born(parent, node.node, -1));
        into.all.push(found);
      }
      return found;
    };
    const add = (to, from) => { for (let side = 0; side < 2; side++) { to.own[side] += from.own[side]; to.total[side] += from.total[side]; } };
    const below = (node, at) => {
      const queue = [[node, at]];
      while (queue.length) {
        const [from, to] = queue.pop();
        add(to, from);
        for (const each of from.children) queue.push([each, step(down, to, each)]);
      }
    };
    const queue = [tree.root];
    while (queue.length) {
      const node = queue.pop();
      if (node.node === 0 || field(node.node, 1) !== wanted) { queue.push(...node.children); continue; }
      below(node, down.root);
      add(up.root, node);
      let at = up.root;
      for (let caller = node.parent; caller && caller.node !== 0; caller = caller.parent) {
        at = step(up, at, caller);
        for (let side = 0; side < 2; side++) at.total[side] += node.total[side];
      }
    }
    sorted(up.root, up.all);
    sorted(down.root, down.all);
    return { callers: up, callees: down };
  };

  // Returns of each node whether its function, file, module or group contains a text.
  let lowered = null;
  const search = (tree, text) => {
    const wanted = text.toLowerCase();
    if (!wanted) return () => false;
    lowered ??= names.map((name) => name.toLowerCase());
    const hits = lowered.map((name) => name.includes(wanted));
    return (node) => {
      if (node.node !== 0) return hits[field(node.node, 1)] || hits[field(node.node, 2)] || Boolean(hits[data.modules[field(node.node, 4)]]);
      return isGroup(node) && groupName(tree.grouping ?? "thread", node.group).toLowerCase().includes(wanted);
    };
  };
  // Adds up what matches. A matching frame below a matching frame is a part of it already.
  const matched = (tree, isHit, side) => {
    let sum = 0;
    const queue = [tree.root];
    while (queue.length) {
      const node = queue.pop();
      if (isHit(node)) sum += node.total[side];
      else for (const each of node.children) queue.push(each);
    }
    return sum;
  };

  return {
    data, names, isDiff: sides > 1, field, functionOf, fileOf, lineOf, moduleOf, isInlined, isGroup,
    build, groupName, nameOf, functions, around, search, matched,
    amount: (value) => amountIn(data.unit, value),
  };
};

export { amountIn, brief, modelOf, percent, plain, share };
