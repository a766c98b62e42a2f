// The flame graph: draws the frames of a model into an SVG element, finds what is under the mouse, zooms, marks what
// matches a search, and shows the callers and callees of one function. `page.js` puts it into a file of its own, the
// console into a page. Text from endpoints reaches the document as text only; styles are set by property.
import { brief, modelOf, percent, plain, share } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 18, SMALLEST = 0.5;
// So many frames, the widest, are elements with a label; all others are drawn by one path for each colour.
const ELEMENTS_MAX = 800;
const REST = "#cfcac1", ROOT = "#ded8cc";
// A tip has so many lines of a name, of so many characters.
const TIP_LINES = 6, TIP_WIDTH = 88;
// So much of a name an element keeps beside its label.
const NAME_MAX = 1000;

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
const cut = (text, room) => text.length > room ? text.slice(0, room - 1) + "…" : text;
// Cuts what is drawn in a frame: East Asian characters and pictures take two places.
const fitted = (text, room) => cut(text, /[\u1100-\uffff]/.test(text.slice(0, room)) ? Math.max(1, room >> 1) : room);
const mix = (from, to, part) => "#" + [1, 3, 5].map((at) => {
  const a = parseInt(from.slice(at, at + 2), 16), b = parseInt(to.slice(at, at + 2), 16);
  return Math.round(a + (b - a) * part).toString(16).padStart(2, "0");
}).join("");

// Draws `data` into `svg`. `options`: `margin`, `top` and `width` in units of the picture; `changed(state)` is called after
// a frame was picked, `told(text)` with what the keyboard has reached; `escape(text)` makes text safe to look at.
const flame = (svg, data, options) => {
  const model = modelOf(data), { isDiff } = model;
  const state = { colour: isDiff ? "change" : "module", side: isDiff ? 1 : 0, zoom: null, search: "", selected: "", around: "" };
  const { margin } = options;
  const { top, escape = (text) => text } = options;
  let { width } = options;
  let tree = null, rows = [], isHit = () => false, glyph = 7, hottest = 1, largest = 1, cursor = null;
  // What is drawn: frames as elements, frames in paths, and of which state.
  let wide = [], narrow = [], drawn = [];

  const canvas = make("g", { class: "canvas" }, svg);
  const hits = make("g", {});
  const mark = make("rect", { class: "mark", visibility: "hidden", "pointer-events": "none" }, svg);
  const tip = make("g", { class: "tip", visibility: "hidden", "pointer-events": "none" }, svg);
  const inner = () => width - 2 * margin;
  const name = (node) => model.nameOf(tree, node, state.side);

  // ---- colours ----

  const change = (node) => share(node.total[1], tree.root.total[1]) - share(node.total[0], tree.root.total[0]);
  const colour = (node) => {
    if (node === tree.root) return ROOT;
    if (state.colour === "own time") return mix("#f4ead6", "#e2502e", Math.round(16 * Math.sqrt(share(node.own[state.side], hottest))) / 16);
    if (state.colour === "change") {
      const delta = change(node), depth = Math.round(16 * Math.sqrt(Math.min(1, Math.abs(delta) / largest))) / 16;
      return delta > 0 ? mix("#efebe4", "#e0523f", depth) : mix("#efebe4", "#4a86d8", depth);
    }
    if (tree.grouping && node.group >= 0) return data.palette[node.group % data.palette.length];
    return data.palette[model.field(node.node, 4)] || REST;
  };
  // Returns what the colours mean, the most costly first.
  const legend = () => {
    const sums = new Map();
    const add = (key, value) => sums.set(key, (sums.get(key) || 0) + value);
    for (const node of tree.all) {
      if (tree.grouping) { if (model.isGroup(node)) add(node.group, node.total[state.side]); }
      else if (node.node !== 0) add(model.field(node.node, 4), node.own[state.side]);
    }
    const text = (key) => tree.grouping ? model.groupName(tree.grouping, key) : model.names[data.modules[key]] ?? "";
    const fill = (key) => (tree.grouping ? data.palette[key % data.palette.length] : data.palette[key]) || REST;
    return [...sums].filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1])
      .map(([key, value]) => ({ text: text(key), fill: fill(key), part: share(value, tree.root.total[state.side]) }));
  };

  // ---- where frames are ----

  const levels = (root) => {
    const whole = root.total[state.side], found = [[{ node: root, x: margin, w: inner(), isAbove: false }]];
    for (let last = found[0]; last.length > 0; last = found[found.length - 1]) {
      const row = [];
      for (const box of last) {
        let x = box.x;
        for (const node of box.node.children) {
          const w = share(node.total[state.side], whole) * inner();
          if (w >= SMALLEST) row.push({ node, x, w, isAbove: false });
          x += w;
        }
      }
      if (row.length === 0) break;
      found.push(row);
    }
    return found;
  };
  const layout = () => {
    const both = state.around ? model.around(tree, state.around) : null;
    if (both) return [...levels(both.callers.root).slice(1).reverse(), ...levels(both.callees.root)];
    const zoomed = state.zoom || tree.root, above = [];
    for (let node = zoomed.parent; node; node = node.parent) above.unshift([{ node, x: margin, w: inner(), isAbove: true }]);
    return [...above, ...levels(zoomed)];
  };

  // ---- drawing ----

  const isSelected = (node) => state.selected !== "" && model.functionOf(node) === state.selected;
  const drawFrame = (box, y) => {
    const { node, x, w } = box;
    const classes = ["frame"];
    if (model.isInlined(node)) classes.push("inlined");
    if (box.isAbove) classes.push("above");
    if (isSelected(node)) classes.push("selected");
    const group = make("g", { class: classes.join(" "), "data-total": node.total[state.side], "data-name": cut(name(node), NAME_MAX) }, canvas);
    make("rect", { x: x.toFixed(2), y, width: Math.max(w, SMALLEST).toFixed(2), height: ROW, rx: w > 6 ? 2 : 0, fill: colour(node) }, group);
    wide.push({ node, group });
    const room = Math.floor((w - 8) / glyph);
    if (room < 3) return;
    let text = model.isGroup(node) ? name(node) : plain(name(node));
    if (text.length > room && !model.isGroup(node)) text = brief(text);
    write(group, (x + 4).toFixed(1), y + 13, fitted(escape(text.slice(0, room + 1)), room));
  };
  // Draws narrow frames: one path for each look.
  const drawNarrow = (boxes, kind, parent) => {
    const paths = new Map();
    for (const { box, y } of boxes) {
      const { node, x, isAbove } = box;
      const classes = `${kind}${model.isInlined(node) ? " inlined" : ""}${isAbove ? " above" : ""}`;
      const fill = colour(node), key = classes + fill;
      let path = paths.get(key);
      if (!path) paths.set(key, path = { classes, fill, parts: [] });
      // A gap of a quarter keeps neighbours apart.
      const w = box.w > 1.5 ? box.w - 0.25 : box.w;
      path.parts.push(`M${x.toFixed(2)} ${y + 0.5}h${w.toFixed(2)}v${ROW - 1}h${(-w).toFixed(2)}z`);
    }
    for (const { classes, fill, parts } of paths.values()) make("path", { class: classes, fill, d: parts.join("") }, parent);
  };
  // Marks what matches the search.
  const drawHits = () => {
    svg.classList.toggle("searched", state.search !== "");
    for (const { node, group } of wide) group.classList.toggle("hit", isHit(node));
    clear(hits);
    drawNarrow(narrow.filter(({ box }) => isHit(box.node)), "frames hit", hits);
  };
  const drawFrames = () => {
    clear(canvas);
    rows = layout();
    wide = [];
    const boxes = rows.flatMap((row, at) => row.map((box) => ({ box, y: top + at * ROW })));
    const least = boxes.length > ELEMENTS_MAX ? boxes.map(({ box }) => box.w).sort((a, b) => b - a)[ELEMENTS_MAX] : -1;
    narrow = boxes.filter(({ box }) => box.w <= least);
    const labelled = boxes.filter(({ box }) => box.w > least);
    drawNarrow(narrow, "frames", canvas);
    canvas.appendChild(hits);
    for (const { box, y } of labelled) drawFrame(box, y);
    const dashed = labelled.filter(({ box }) => model.isInlined(box.node) && box.w > 8);
    const dashes = dashed.map(({ box, y }) => `M${(box.x + 3).toFixed(1)} ${y + ROW - 2.5}H${(box.x + box.w - 3).toFixed(1)}`);
    if (dashes.length > 0) make("path", { class: "dashes", d: dashes.join("") }, canvas);
  };
  // Draws what has changed since the last time; returns where the picture ends.
  const draw = () => {
    mark.setAttribute("visibility", "hidden");
    const { search, ...shown } = state, wanted = [tree, width, glyph, ...Object.values(shown)];
    if (wanted.some((value, at) => value !== drawn[at])) drawFrames();
    drawn = wanted;
    drawHits();
    return top + rows.length * ROW;
  };
  const erase = () => { clear(canvas); rows = []; wide = []; narrow = []; drawn = []; };
  // Takes changes of the state; the caller draws.
  const set = (wanted) => {
    Object.assign(state, wanted);
    const grouping = ["thread", "hunt", "agent"].includes(state.colour) ? state.colour : null;
    if (tree.grouping !== grouping) {
      tree = model.build(grouping);
      if (tree.all.indexOf(state.zoom) < 0) state.zoom = null;
    }
    cursor = null;
    isHit = model.search(tree, state.search);
    hottest = tree.all.reduce((most, node) => Math.max(most, node.own[state.side]), 1);
    largest = tree.all.reduce((most, node) => Math.max(most, Math.abs(change(node))), 0) || 1;
  };

  // ---- what is under the mouse, or under the keyboard's mark ----

  const showLines = (said, at) => {
    clear(tip);
    const box = make("rect", { rx: 6 }, tip);
    said.forEach(([text, kind], line) => write(tip, 10, 19 + line * 17, text, { class: kind }));
    const w = Math.max(...[...tip.querySelectorAll("text")].map((text) => text.getComputedTextLength())) + 20;
    const h = said.length * 17 + 12;
    box.setAttribute("width", w);
    box.setAttribute("height", h);
    const point = new DOMPoint(at.clientX, at.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const x = Math.max(4, Math.min(point.x + 14, width - w - 4));
    const isLow = window.innerHeight - at.clientY < h + 30 || point.y + 18 + h > svg.viewBox.baseVal.height;
    tip.setAttribute("transform", `translate(${x} ${isLow && point.y - h - 10 > 0 ? point.y - h - 10 : point.y + 18})`);
    tip.setAttribute("visibility", "visible");
  };
  const describe = (node, sums) => {
    const side = state.side, whole = tree.root.total[side], { own, total } = sums || node, said = [];
    const text = escape(name(node).slice(0, TIP_LINES * TIP_WIDTH));
    for (let at = 0; at < text.length && said.length < TIP_LINES; at += TIP_WIDTH) said.push([text.slice(at, at + TIP_WIDTH), ""]);
    if (node.node !== 0) {
      const file = model.fileOf(node), line = model.lineOf(node);
      if (file) said.push([escape(file.length > 84 ? "…" + file.slice(-84) : file) + (line ? ":" + line : ""), "dim"]);
      said.push([escape(cut(model.moduleOf(node), TIP_WIDTH)) + (model.isInlined(node) ? ", inlined into its caller" : ""), "dim"]);
    }
    said.push([`total ${model.amount(total[side])}, ${percent(share(total[side], whole))}    own ${model.amount(own[side])}, ${percent(share(own[side], whole))}`, ""]);
    if (state.zoom && !sums) said.push([`${percent(share(total[side], state.zoom.total[side]))} of what is zoomed to`, "dim"]);
    if (isDiff) data.sides.forEach((label, at) => said.push([`${label}: ${percent(share(total[at], tree.root.total[at]))}`, "dim"]));
    return said;
  };
  const show = (at, node, sums) => showLines(describe(node, sums), at);
  const hide = () => { tip.setAttribute("visibility", "hidden"); mark.setAttribute("visibility", "hidden"); };
  const outline = (row, box) => {
    for (const [key, value] of [["x", box.x], ["y", top + row * ROW], ["width", Math.max(box.w, 1)], ["height", ROW], ["visibility", "visible"]]) mark.setAttribute(key, value);
  };
  const boxAt = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const row = Math.floor((point.y - top) / ROW);
    const box = rows[row]?.find((each) => point.x >= each.x && point.x < each.x + Math.max(each.w, 1));
    return box && { row, box };
  };
  const pick = ({ node }) => {
    hide();
    if (state.around) { if (node.node !== 0) state.around = model.functionOf(node); }
    else state.zoom = node === tree.root ? null : node;
    state.selected = model.functionOf(node);
    options.changed(state);
  };
  canvas.addEventListener("mousemove", (event) => {
    const found = boxAt(event);
    if (!found) { hide(); return; }
    outline(found.row, found.box);
    show(event, found.box.node);
  });
  canvas.addEventListener("mouseleave", hide);
  canvas.addEventListener("click", (event) => { const found = boxAt(event); if (found) pick(found.box); });

  // Moves the keyboard's mark: up, down, to the neighbours; Enter picks.
  const key = (event) => {
    const at = cursor || { row: 0, index: 0 }, here = rows[at.row]?.[at.index];
    if (!here) return false;
    const nearest = (row) => {
      const middle = here.x + here.w / 2;
      const reach = (box) => middle < box.x ? box.x - middle : Math.max(0, middle - box.x - box.w);
      const best = row?.reduce((found, box, index) => reach(box) < reach(row[found]) ? index : found, 0);
      return best ?? -1;
    };
    const next = { ArrowUp: [at.row - 1, nearest(rows[at.row - 1])], ArrowDown: [at.row + 1, nearest(rows[at.row + 1])], ArrowLeft: [at.row, at.index - 1],
      ArrowRight: [at.row, at.index + 1], Home: [0, 0] }[event.key];
    if (event.key === "Enter") pick(here);
    if (!next) return event.key === "Enter";
    const box = rows[next[0]]?.[next[1]];
    if (box) {
      cursor = { row: next[0], index: next[1] };
      outline(next[0], box);
      const screen = new DOMPoint(box.x, top + next[0] * ROW + ROW / 2).matrixTransform(svg.getScreenCTM());
      show({ clientX: screen.x, clientY: screen.y }, box.node);
      options.told?.(describe(box.node).map(([text]) => text).join(", "));
    }
    return true;
  };

  // Measures a character, and takes a new width.
  const fit = (wanted) => {
    width = wanted;
    const probe = write(make("g", { class: "frame" }, svg), 0, -50, "m".repeat(100));
    glyph = probe.getComputedTextLength() / 100 || 7;
    probe.parentNode.remove();
  };
  // A frame by a word that a link can hold, and back.
  const wordOf = (node) => node ? `${node.node}.${node.group}` : "";
  const nodeOf = (word) => tree.all.find((node) => wordOf(node) === word) ?? null;

  tree = model.build(state.colour);
  return {
    model, state, draw, erase, set, fit, legend, colour, name, show, hide, key, wordOf, nodeOf, glyph: () => glyph,
    tree: () => tree, isHit: (node) => isHit(node), sum: () => model.matched(tree, isHit, state.side),
    raise: () => { svg.appendChild(mark); svg.appendChild(tip); },
  };
};

export { clear, cut, flame, make, write };
