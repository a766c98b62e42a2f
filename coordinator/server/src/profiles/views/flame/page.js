// The flame graph as a file of its own: its buttons, legend, search box and lists, drawn into the SVG document.
import { percent, plain, share } from "./model.js";
import { clear, cut, flame, make, write } from "./flame.js";

const XHTML = "http://www.w3.org/1999/xhtml";
const MARGIN = 16, LIST = 20, TOP = 112, ROWS_MAX = 100;

const page = (svg, data) => {
  clear(svg.querySelector("#still"));
  const header = svg.querySelector("#header");
  const controls = make("g", { id: "controls" }, svg);
  const legends = make("g", { id: "legend" }, svg);
  let width = 1200, view = "stacks";
  const graph = flame(svg, data, { margin: MARGIN, top: TOP, width, changed: () => draw() });
  const { model, state } = graph;
  const list = make("g", { id: "list" }, svg);
  const foot = make("g", { id: "foot" }, svg);
  const inner = () => width - 2 * MARGIN;

  const button = (x, label, isOn, act) => {
    const w = Math.ceil(label.length * 6.6) + 18;
    const group = make("g", { class: isOn ? "button on" : "button", role: "button", "data-name": label }, controls);
    make("rect", { x, y: 58, width: w, height: 24, rx: 5 }, group);
    write(group, x + w / 2, 74, label, { "text-anchor": "middle" });
    group.addEventListener("click", act);
    return x + w + 4;
  };
  const set = ({ view: wanted, ...change }) => () => { view = wanted ?? view; graph.set({ around: "", ...change }); draw(); };
  const drawControls = () => {
    clear(controls);
    let x = MARGIN;
    const colours = (model.isDiff ? ["change"] : []).concat(["module", "thread", "hunt"], data.agents.length > 1 ? ["agent"] : [], model.isDiff ? [] : ["own time"]);
    write(controls, x, 74, "colour", { class: "dim" });
    x += 44;
    for (const each of colours) x = button(x, each, state.colour === each, set({ colour: each, zoom: null }));
    write(controls, x += 14, 74, "show", { class: "dim" });
    x += 36;
    for (const each of ["stacks", "own", "total"]) x = button(x, each, view === each && !state.around, set({ view: each, zoom: null }));
    if (model.isDiff) {
      write(controls, x += 14, 74, "widths", { class: "dim" });
      x += 44;
      data.sides.forEach((label, side) => { x = button(x, label, state.side === side, set({ side, zoom: null })); });
    }
    const isCalls = view === "stacks" && state.around;
    if (state.selected && !isCalls) x = button(x + 14, "callers", false, set({ view: "stacks", around: state.selected, zoom: null }));
    if (state.zoom || isCalls) button(x + 14, "reset zoom", false, set({ zoom: null, selected: "" }));
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
    for (const each of graph.legend()) {
      const group = make("g", { class: "button", "data-name": "legend " + each.text }, legends);
      make("rect", { x, y: 90, width: 12, height: 12, rx: 3, class: "colour" }, group).style.fill = each.fill;
      const w = write(group, x + 17, 100, each.text + "  " + percent(each.part), { class: "dim" }).getComputedTextLength() + 36;
      if (x + w > width - 140) { group.remove(); break; }
      if (!graph.tree().grouping) group.addEventListener("click", () => search(each.text));
      x += w;
    }
    write(legends, width - MARGIN, 100, "italic: inlined", { class: "dim", "text-anchor": "end", "font-style": "italic" });
  };

  // The functions, by own or by total.
  const drawList = () => {
    const side = state.side, whole = graph.tree().root.total[side], glyph = graph.glyph();
    const sums = model.functions(graph.tree()).filter((each) => each[view][side] > 0).sort((a, b) => b[view][side] - a[view][side]);
    const bars = MARGIN + 158, most = sums.length ? sums[0][view][side] : 1;
    let y = TOP;
    for (const each of sums.slice(0, ROWS_MAX)) {
      const value = each[view][side], node = each.node, text = graph.name(node);
      const group = make("g", { class: graph.isHit(node) ? "row hit" : "row", "data-name": text, "data-total": value }, list);
      make("rect", { class: "back", x: MARGIN, y, width: inner(), height: LIST }, group);
      write(group, MARGIN + 60, y + 14, percent(share(value, whole)), { "text-anchor": "end" });
      write(group, MARGIN + 148, y + 14, model.amount(value), { "text-anchor": "end", class: "dim" });
      make("rect", { class: "bar", x: bars, y: y + 2, width: Math.max(1, share(value, most) * inner() * 0.22).toFixed(1), height: LIST - 4, rx: 2, fill: graph.colour(node) }, group);
      const place = model.fileOf(node), line = model.lineOf(node);
      const x = bars + inner() * 0.22 + 10, room = Math.floor((width - MARGIN - x) / glyph);
      let label = plain(text);
      if (place && label.length + 6 < room) label += "   " + (place.split("/").pop()) + (line ? ":" + line : "");
      write(group, x, y + 14, cut(label, room));
      group.addEventListener("click", () => { view = "stacks"; search(text); });
      group.addEventListener("mousemove", (event) => graph.show(event, node, each));
      group.addEventListener("mouseleave", graph.hide);
      y += LIST;
    }
    return y;
  };

  const box = make("foreignObject", { y: 58, width: 230, height: 24 }, svg);
  const input = document.createElementNS(XHTML, "input");
  input.setAttribute("placeholder", "search: function, file, module");
  input.setAttribute("id", "search");
  input.setAttribute("spellcheck", "false");
  box.appendChild(input);
  const found = write(svg, 0, 48, "", { id: "matched", "text-anchor": "end" });
  input.addEventListener("input", () => { graph.set({ search: input.value.trim() }); draw(); });
  const search = (text) => { input.value = text; graph.set({ search: text }); draw(); };
  window.addEventListener("keydown", (event) => {
    const isFind = (event.ctrlKey || event.metaKey) && event.key === "f";
    if (isFind || (event.key === "/" && document.activeElement !== input)) { event.preventDefault(); input.focus(); input.select(); return; }
    if (event.key === "Escape") {
      if (state.search) search(""); else { graph.set({ zoom: null, around: "", selected: "" }); draw(); }
      input.blur();
    } else if (document.activeElement !== input && view === "stacks" && graph.key(event)) event.preventDefault();
  });

  const draw = () => {
    drawControls();
    drawLegend();
    clear(list);
    clear(foot);
    graph.hide();
    found.textContent = state.search ? `matched ${percent(share(graph.sum(), graph.tree().root.total[state.side]))}  ${model.amount(graph.sum())}` : "";
    const isStacks = view === "stacks";
    const bottom = isStacks ? graph.draw() : (graph.erase(), drawList());
    const hint = isStacks ? "click: zoom   arrows, enter: by keyboard   esc: back   / : search" : "click: find it in the stacks";
    write(foot, MARGIN, bottom + 22, hint, { class: "dim" });
    if (data.smallest) write(foot, width - MARGIN, bottom + 22, data.smallest, { class: "dim", "text-anchor": "end" });
    const height = Math.max(bottom + 34, 220);
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    graph.raise();
  };
  const fit = () => {
    width = Math.max(900, window.innerWidth || 1200);
    svg.setAttribute("width", width);
    graph.fit(width);
    box.setAttribute("x", width - MARGIN - 230);
    found.setAttribute("x", width - MARGIN);
    const sum = header.querySelector("#sum");
    if (sum) sum.setAttribute("x", width - MARGIN);
  };
  window.addEventListener("resize", () => { fit(); draw(); });
  fit();
  graph.set({});
  draw();
};

export { page };
