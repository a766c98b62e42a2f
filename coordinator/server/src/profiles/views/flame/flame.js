(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const svg = document.documentElement;
  const SVG = svg.namespaceURI, XHTML = "http://www.w3.org/1999/xhtml";
  const MARGIN = 16, ROW = 18, LIST = 20, GAP = 6, TOP = 112, SMALLEST = 0.5;
  const isDiff = data.sides.length > 1;
  const state = { colour: isDiff ? "change" : "module", view: "stacks", side: isDiff ? 1 : 0, zoom: null, search: "" };
  const names = data.names;
  let glyph = 7, tree = null, width = 1200;

  // ---- elements ----

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(element);
    return element;
  };
  const write = (parent, x, y, text, attributes) => {
    const element = make("text", Object.assign({ x, y }, attributes), parent);
    element.textContent = text;
    return element;
  };
  const clear = (element) => { while (element.firstChild) element.removeChild(element.firstChild); };

  // ---- numbers ----

  const digits = (value) => value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  const amount = (value) => {
    if (data.unit === "nanoseconds") {
      const ms = value / 1e6;
      return Math.abs(ms) < 10000 ? digits(ms) + " ms" : digits(ms / 1000) + " s";
    }
    if (data.unit === "bytes") {
      for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) if (Math.abs(value) >= size) return digits(value / size) + " " + unit;
      return value + " B";
    }
    return value.toLocaleString("en");
  };
  const share = (part, whole) => whole > 0 ? part / whole : 0;
  const percent = (part) => (part * 100).toFixed(part < 0.1 ? 2 : 1) + " %";

  // ---- the tree: nodes of the data, or one copy of them a group ----

  // Fields of a node in `data.nodes`: parent, function, file, line, module, inlined.
  const FIELDS = 6;
  const field = (node, at) => data.nodes[node * FIELDS + at];
  const groupFields = { thread: 1, hunt: 2, agent: 3 };
  // Fields of a cell in `data.cells`: node, thread, hunt, agent, then one value a side.
  const CELL = 4 + data.sides.length;

  const build = (grouping) => {
    const at = groupFields[grouping];
    const root = { parent: null, node: 0, group: -1, own: [0, 0], total: [0, 0], children: [], depth: 0 };
    const all = [root], known = new Map();
    const nodeOf = (group, node) => {
      if (node === 0) {
        if (group < 0) return root;
        const key = "g" + group;
        if (!known.has(key)) known.set(key, child(root, 0, group));
        return known.get(key);
      }
      const key = group * 1e7 + node;
      let found = known.get(key);
      if (!found) known.set(key, found = child(nodeOf(group, field(node, 0)), node, group));
      return found;
    };
    const child = (parent, node, group) => {
      const made = { parent, node, group, own: [0, 0], total: [0, 0], children: [], depth: parent.depth + 1 };
      parent.children.push(made);
      all.push(made);
      return made;
    };
    for (let cell = 0; cell < data.cells.length; cell += CELL) {
      const leaf = nodeOf(at ? data.cells[cell + at] : -1, data.cells[cell]);
      data.sides.forEach((_, side) => { leaf.own[side] += data.cells[cell + 4 + side]; });
    }
    for (let i = all.length - 1; i >= 0; i--) {
      const node = all[i];
      for (const side of [0, 1]) {
        node.total[side] += node.own[side];
        if (node.parent) node.parent.total[side] += node.total[side];
      }
    }
    const weight = (node) => share(node.total[0], root.total[0]) + share(node.total[1], root.total[1]);
    for (const node of all) node.children.sort((a, b) => weight(b) - weight(a) || a.node - b.node || a.group - b.group);
    return { root, all, grouping: at ? grouping : null };
  };

  const isGroup = (node) => node.node === 0 && node.group >= 0;
  const groupName = (kind, group) => {
    const text = names[data[kind + "s"][group]];
    if (kind !== "hunt") return text;
    if (text === "agent") return "no hunt: the agent itself";
    if (text === "untagged") return "no hunt: threads nobody claimed";
    return "hunt " + text;
  };
  const name = (node) => {
    if (isGroup(node)) return groupName(tree ? tree.grouping : "thread", node.group);
    if (node.node === 0) return node.total[state.side] > 0 ? "all" : "no samples";
    return names[field(node.node, 1)];
  };
  // `a::B<C>::d<E>` → `a::B::d`; of `<a::B as c::D>::e` remains `a::B::e`.
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
    return out || text;
  };
  const brief = (text) => text.split("::").filter((part) => part && !part.startsWith("{")).slice(-2).join("::") || text;

  // ---- colours ----

  const palette = data.palette;
  const rest = "#cfcac1";
  const mix = (from, to, part) => "#" + [1, 3, 5].map((at) => {
    const a = parseInt(from.slice(at, at + 2), 16), b = parseInt(to.slice(at, at + 2), 16);
    return Math.round(a + (b - a) * part).toString(16).padStart(2, "0");
  }).join("");
  const change = (node) => share(node.total[1], tree.root.total[1]) - share(node.total[0], tree.root.total[0]);
  let hottest = 1, largest = 1;
  const colour = (node) => {
    if (node === tree.root) return "#ded8cc";
    if (state.colour === "own time") return mix("#f4ead6", "#e2502e", Math.sqrt(share(node.own[state.side], hottest)));
    if (state.colour === "change") {
      const delta = change(node);
      const depth = Math.sqrt(Math.min(1, Math.abs(delta) / largest));
      return delta > 0 ? mix("#efebe4", "#e0523f", depth) : mix("#efebe4", "#4a86d8", depth);
    }
    if (tree.grouping) return palette[node.group % palette.length];
    return palette[field(node.node, 4)] || rest;
  };
  const legend = () => {
    const sums = new Map();
    const add = (key, value) => sums.set(key, (sums.get(key) || 0) + value);
    for (const node of tree.all) {
      if (tree.grouping) { if (isGroup(node)) add(node.group, node.total[state.side]); }
      else if (node.node !== 0) add(field(node.node, 4), node.own[state.side]);
    }
    const text = (key) => tree.grouping ? groupName(tree.grouping, key) : names[data.modules[key]];
    const fill = (key) => (tree.grouping ? palette[key % palette.length] : palette[key]) || rest;
    return [...sums].filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1])
      .map(([key, value]) => ({ text: text(key), fill: fill(key), part: share(value, tree.root.total[state.side]) }));
  };

  // ---- drawing ----

  clear(svg.querySelector("#still"));
  const header = svg.querySelector("#header");
  const controls = make("g", { id: "controls" }, svg);
  const legends = make("g", { id: "legend" }, svg);
  const canvas = make("g", { id: "canvas" }, svg);
  const tip = make("g", { class: "tip", visibility: "hidden", "pointer-events": "none" }, svg);
  const inner = () => width - 2 * MARGIN;

  const button = (x, label, isOn, act) => {
    const w = Math.ceil(label.length * 6.6) + 18;
    const group = make("g", { class: isOn ? "button on" : "button", role: "button", "data-name": label }, controls);
    make("rect", { x, y: 58, width: w, height: 24, rx: 5 }, group);
    write(group, x + w / 2, 74, label, { "text-anchor": "middle" });
    group.addEventListener("click", act);
    return x + w + 4;
  };
  const set = (change) => () => { Object.assign(state, change); rebuild(); };

  const drawControls = () => {
    clear(controls);
    let x = MARGIN;
    const colours = (isDiff ? ["change"] : []).concat(["module", "thread", "hunt"], data.agents.length > 1 ? ["agent"] : [], isDiff ? [] : ["own time"]);
    write(controls, x, 74, "colour", { class: "dim" });
    x += 44;
    for (const each of colours) x = button(x, each, state.colour === each, set({ colour: each, zoom: null }));
    write(controls, x += 14, 74, "show", { class: "dim" });
    x += 36;
    for (const [each, label] of [["stacks", "stacks"], ["own", "own"], ["total", "total"]]) x = button(x, label, state.view === each, set({ view: each, zoom: null }));
    if (isDiff) {
      write(controls, x += 14, 74, "widths", { class: "dim" });
      x += 44;
      data.sides.forEach((label, side) => { x = button(x, label, state.side === side, set({ side, zoom: null })); });
    }
    if (state.zoom) button(x + 14, "reset zoom", false, set({ zoom: null }));
  };

  const drawLegend = () => {
    clear(legends);
    let x = MARGIN;
    if (state.colour === "own time") { write(legends, x, 100, "pale: little own time; red: most", { class: "dim" }); return; }
    if (state.colour === "change") {
      const [before, after] = data.sides;
      write(legends, x, 100, "red: a larger share " + after + " than " + before + "; blue: a smaller one", { class: "dim" });
      return;
    }
    for (const each of legend()) {
      const label = each.text + "  " + percent(each.part);
      const group = make("g", { class: "button", "data-name": "legend " + each.text }, legends);
      make("rect", { x, y: 90, width: 12, height: 12, rx: 3, style: "stroke:none;fill:" + each.fill }, group);
      const w = write(group, x + 17, 100, label, { class: "dim" }).getComputedTextLength() + 36;
      if (x + w > width - 140) { group.remove(); break; }
      if (!tree.grouping) group.addEventListener("click", () => search(each.text));
      x += w;
    }
    write(legends, width - MARGIN, 100, "italic: inlined", { class: "dim", "text-anchor": "end", "font-style": "italic" });
  };

  const isHit = (node) => {
    if (!state.search || node === tree.root) return false;
    const wanted = state.search.toLowerCase();
    if (isGroup(node)) return name(node).toLowerCase().includes(wanted);
    const texts = [field(node.node, 1), field(node.node, 2)].map((at) => names[at]);
    texts.push(names[data.modules[field(node.node, 4)]]);
    return texts.some((text) => text.toLowerCase().includes(wanted));
  };
  // A matching frame below a matching frame is a part of it already.
  const matched = (node) => isHit(node) ? node.total[state.side] : node.children.reduce((sum, each) => sum + matched(each), 0);

  const drawStacks = () => {
    const zoomed = state.zoom || tree.root, whole = zoomed.total[state.side];
    let deepest = 0;
    const frame = (node, x, w, y, isAbove) => {
      deepest = Math.max(deepest, y);
      const inlined = node.node !== 0 && field(node.node, 5) === 1;
      const classes = ["frame"];
      if (inlined) classes.push("inlined");
      if (isAbove) classes.push("above");
      if (isHit(node)) classes.push("hit");
      const group = make("g", { class: classes.join(" "), "data-total": node.total[state.side], "data-name": name(node) }, canvas);
      make("rect", { x: x.toFixed(2), y, width: Math.max(w, SMALLEST).toFixed(2), height: ROW, rx: w > 6 ? 2 : 0, fill: colour(node) }, group);
      if (inlined && w > 8) make("path", { d: `M${(x + 3).toFixed(1)} ${y + ROW - 2.5}H${(x + w - 3).toFixed(1)}` }, group);
      const room = Math.floor((w - 8) / glyph);
      if (room >= 3) {
        let text = isGroup(node) ? name(node) : plain(name(node));
        if (text.length > room && !isGroup(node)) text = brief(text);
        if (text.length > room) text = text.slice(0, room - 1) + "…";
        write(group, (x + 4).toFixed(1), y + 13, text);
      }
      group.addEventListener("click", () => { state.zoom = node === tree.root ? null : node; hide(); draw(); });
      group.addEventListener("mousemove", (event) => show(event, node));
      group.addEventListener("mouseleave", hide);
    };
    const above = [];
    for (let node = zoomed.parent; node; node = node.parent) above.unshift(node);
    let y = TOP;
    for (const node of above) { frame(node, MARGIN, inner(), y, true); y += ROW; }
    const queue = [[zoomed, MARGIN, y, inner()]];
    while (queue.length) {
      const [node, x, top, span] = queue.pop();
      frame(node, x, span, top, false);
      let from = x;
      for (const each of node.children) {
        const w = share(each.total[state.side], whole) * inner();
        if (w >= SMALLEST) queue.push([each, from, top + ROW, w]);
        from += w;
      }
    }
    return deepest + ROW;
  };

  // ---- the list of functions, by own or by total ----

  const functions = () => {
    const sums = new Map();
    const walk = (node, above) => {
      const isFunction = node.node !== 0;
      const key = isFunction ? field(node.node, 1) + "/" + field(node.node, 2) : "";
      const isNew = isFunction && !above.has(key);
      if (isFunction) {
        if (!sums.has(key)) sums.set(key, { node, own: [0, 0], total: [0, 0] });
        const sum = sums.get(key);
        for (const side of [0, 1]) {
          sum.own[side] += node.own[side];
          // A function that calls itself counts once a stack.
          if (isNew) sum.total[side] += node.total[side];
        }
      }
      if (isNew) above.add(key);
      for (const each of node.children) walk(each, above);
      if (isNew) above.delete(key);
    };
    walk(tree.root, new Set());
    return [...sums.values()];
  };
  const drawList = () => {
    const whole = tree.root.total[state.side], key = state.view;
    const list = functions().filter((each) => each[key][state.side] > 0);
    list.sort((a, b) => b[key][state.side] - a[key][state.side]);
    let y = TOP;
    const bars = MARGIN + 158, most = list.length ? list[0][key][state.side] : 1;
    for (const each of list.slice(0, 100)) {
      const value = each[key][state.side], node = each.node;
      const group = make("g", { class: isHit(node) ? "row hit" : "row", "data-name": name(node), "data-total": value }, canvas);
      make("rect", { class: "back", x: MARGIN, y, width: inner(), height: LIST }, group);
      write(group, MARGIN + 60, y + 14, percent(share(value, whole)), { "text-anchor": "end" });
      write(group, MARGIN + 148, y + 14, amount(value), { "text-anchor": "end", class: "dim" });
      make("rect", { class: "bar", x: bars, y: y + 2, width: Math.max(1, share(value, most) * inner() * 0.22).toFixed(1), height: LIST - 4, rx: 2, fill: colour(node) }, group);
      const place = names[field(node.node, 2)], line = field(node.node, 3);
      const x = bars + inner() * 0.22 + 10, room = Math.floor((width - MARGIN - x) / glyph);
      let text = plain(name(node));
      if (place && text.length + 6 < room) text += "   " + (place.split("/").pop()) + (line ? ":" + line : "");
      write(group, x, y + 14, text.length > room ? text.slice(0, room - 1) + "…" : text);
      group.addEventListener("click", () => { state.view = "stacks"; search(name(node)); });
      group.addEventListener("mousemove", (event) => show(event, node, each));
      group.addEventListener("mouseleave", hide);
      y += LIST;
    }
    return y;
  };

  // ---- what is under the mouse ----

  const lines = (text, room) => {
    const out = [];
    for (let rest = text; rest; rest = rest.slice(room)) out.push(rest.slice(0, room));
    return out.slice(0, 6);
  };
  const show = (event, node, sums) => {
    clear(tip);
    const side = state.side, whole = tree.root.total[side];
    const { own, total } = sums || node;
    const said = lines(name(node), 88).map((text) => [text, ""]);
    if (node.node !== 0) {
      const file = names[field(node.node, 2)], line = field(node.node, 3);
      if (file) said.push([(file.length > 84 ? "…" + file.slice(-84) : file) + (line ? ":" + line : ""), "dim"]);
      said.push([names[data.modules[field(node.node, 4)]] + (field(node.node, 5) ? ", inlined into its caller" : ""), "dim"]);
    }
    said.push([`total ${amount(total[side])}, ${percent(share(total[side], whole))}    own ${amount(own[side])}, ${percent(share(own[side], whole))}`, ""]);
    if (state.zoom && !sums) said.push([`${percent(share(total[side], state.zoom.total[side]))} of what is zoomed to`, "dim"]);
    if (isDiff) data.sides.forEach((label, at) => said.push([`${label}: ${percent(share(total[at], tree.root.total[at]))}`, "dim"]));
    const box = make("rect", { rx: 6 }, tip);
    said.forEach(([text, kind], at) => write(tip, 10, 19 + at * 17, text, { class: kind }));
    const w = Math.max(...[...tip.querySelectorAll("text")].map((text) => text.getComputedTextLength())) + 20;
    const h = said.length * 17 + 12;
    box.setAttribute("width", w);
    box.setAttribute("height", h);
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const x = Math.max(4, Math.min(point.x + 14, width - w - 4));
    const bottom = window.innerHeight - event.clientY;
    const y = bottom < h + 30 ? point.y - h - 10 : point.y + 18;
    tip.setAttribute("transform", `translate(${x} ${y})`);
    tip.setAttribute("visibility", "visible");
  };
  const hide = () => tip.setAttribute("visibility", "hidden");

  // ---- search ----

  const box = make("foreignObject", { y: 58, width: 230, height: 24 }, svg);
  const input = document.createElementNS(XHTML, "input");
  input.setAttribute("placeholder", "search: function, file, module");
  input.setAttribute("id", "search");
  input.setAttribute("spellcheck", "false");
  box.appendChild(input);
  const found = write(svg, 0, 74, "", { id: "matched", "text-anchor": "end" });
  input.addEventListener("input", () => { state.search = input.value.trim(); draw(); });
  const search = (text) => { input.value = text; state.search = text; rebuild(); };
  window.addEventListener("keydown", (event) => {
    const isFind = (event.ctrlKey || event.metaKey) && event.key === "f";
    if (isFind || (event.key === "/" && document.activeElement !== input)) { event.preventDefault(); input.focus(); input.select(); }
    if (event.key === "Escape") {
      if (state.search) search(""); else { state.zoom = null; draw(); }
      input.blur();
    }
  });

  // ---- all of it ----

  const draw = () => {
    drawControls();
    drawLegend();
    clear(canvas);
    if (state.search) svg.classList.add("searched"); else svg.classList.remove("searched");
    const whole = tree.root.total[state.side], hits = matched(tree.root);
    found.textContent = state.search ? `matched ${percent(share(hits, whole))}  ${amount(hits)}` : "";
    const bottom = state.view === "stacks" ? drawStacks() : drawList();
    const height = Math.max(bottom + 34, 220);
    write(canvas, MARGIN, bottom + 22, state.view === "stacks" ? "click: zoom   esc: back   / : search" : "click: find it in the stacks", { class: "dim" });
    if (data.smallest) write(canvas, width - MARGIN, bottom + 22, data.smallest, { class: "dim", "text-anchor": "end" });
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.appendChild(tip);
  };
  const rebuild = () => {
    const kept = state.zoom && tree && tree.grouping === (groupFields[state.colour] ? state.colour : null) ? state.zoom : null;
    state.zoom = kept;
    if (!kept) { tree = null; tree = build(state.colour); }
    hottest = Math.max(1, ...tree.all.map((node) => node.own[state.side]).reduce((top, own) => own > top[0] ? [own] : top, [0]));
    largest = tree.all.reduce((most, node) => Math.max(most, Math.abs(change(node))), 0) || 1;
    draw();
  };
  const fit = () => {
    width = Math.max(900, window.innerWidth || 1200);
    svg.setAttribute("width", width);
    const probe = write(make("g", { class: "frame" }, svg), 0, -50, "m".repeat(100));
    glyph = probe.getComputedTextLength() / 100 || 7;
    probe.parentNode.remove();
    box.setAttribute("x", width - MARGIN - 230);
    found.setAttribute("y", 48);
    found.setAttribute("x", width - MARGIN);
    const sum = header.querySelector("#sum");
    if (sum) sum.setAttribute("x", width - MARGIN);
  };
  window.addEventListener("resize", () => { fit(); draw(); });
  fit();
  rebuild();
})();
