// The page asks the API and shows what it says. Whatever comes from flows is set as
// text, never as HTML: the policy that the page is served under refuses that.
"use strict";

const $ = (id) => document.getElementById(id);

// make creates an element with attributes and children; texts become text nodes.
function make(name, attributes, ...children) {
  const svg = ["svg", "polyline", "line", "text", "title"].includes(name);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v !== undefined && v !== false) e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

// The token is kept for this tab only.
const tokenKey = "weir-token";

async function ask(path, options) {
  const token = sessionStorage.getItem(tokenKey);
  const headers = Object.assign({}, options && options.headers, token ? { Authorization: "Bearer " + token } : {});
  const response = await fetch(path, Object.assign({}, options, { headers }));
  if (response.status === 401 && token === sessionStorage.getItem(tokenKey)) $("token-form").hidden = false;
  if (!response.ok) {
    const problem = await response.json().catch(() => ({ error: response.status + " " + response.statusText }));
    throw Object.assign(new Error(problem.error), { at: problem.at });
  }
  return response;
}

const prefixes = ["", "k", "M", "G", "T", "P", "E"];

// amount writes a number with three digits or so and its unit.
function amount(v, unit) {
  let i = 0;
  while (Math.abs(v) >= 999.5 && i < prefixes.length - 1) {
    v /= 1000;
    i++;
  }
  let text = String(v);
  if (!Number.isInteger(v)) text = Math.abs(v) < 1 ? v.toPrecision(2) : v.toFixed(v < 99.95 ? 1 : 0);
  return (text + " " + prefixes[i] + (unit || "")).trim();
}

const plural = (unit) => (unit || "").replace(/^(packet|flow)/, "$1s");
const numeric = (column) => column.kind === "uint" || column.kind === "float";

// cellText writes a cell for people.
function cellText(value, column) {
  if (value === null || value === undefined) return "–";
  if (column.kind === "time") return String(value).replace("T", " ").replace("Z", "");
  if (!numeric(column) || column.role === "key") return String(value);
  if (column.unit === "%") {
    const sign = column.role === "error" ? "±" : column.role === "change" && value > 0 ? "+" : "";
    return sign + value.toFixed(1) + " %";
  }
  // The column says what it counts.
  return column.unit ? amount(value, column.unit.replace(/^(packet|flow)/, "")) : String(value);
}

const clock = (date, span) => date.toISOString().slice(span > 86400e3 ? 5 : 11, span > 86400e3 ? 16 : span < 600e3 ? 19 : 16).replace("T", " ");

// chart draws the first metric's lines.
function chart(table) {
  const metric = table.series[0].metric;
  const lines = table.series.filter((l) => l.metric === metric).slice(0, 10);
  const width = 960, height = 260, left = 84, right = 10, top = 10, bottom = 24;
  const bins = Math.max(...lines.map((l) => l.values.length));
  let most = 0;
  for (const l of lines) for (const v of l.values) most = Math.max(most, v);
  const x = (i) => left + ((width - left - right) * i) / Math.max(1, bins - 1);
  const y = (v) => height - bottom - ((height - top - bottom) * v) / (most || 1);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${metric} over time` });
  for (let i = 0; i <= 4; i++) {
    const v = (most * i) / 4;
    svg.append(
      make("line", { class: "axis", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
      make("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, amount(v, plural(lines[0].unit))));
  }
  const from = new Date(table.from).getTime(), span = new Date(table.to).getTime() - from;
  for (let i = 0; i <= 4; i++) {
    const bin = Math.round(((bins - 1) * i) / 4);
    svg.append(make("text", { x: x(bin), y: height - 6, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" },
      clock(new Date(from + bin * table.bin_seconds * 1000), span)));
  }
  for (const [i, l] of lines.entries()) {
    const values = l.values.length === 1 ? [l.values[0], l.values[0]] : l.values;
    const points = values.map((v, k) => `${(l.values.length === 1 ? left + k * (width - left - right) : x(k)).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
    svg.append(make("polyline", { class: "c" + i, points }, make("title", {}, name(table, l.row))));
  }
  return svg;
}

// name is what a line's row is called.
function name(table, row) {
  if (row < 0) return "other";
  const keys = table.columns.map((c, i) => (c.role === "key" ? cellText(table.rows[row][i], c) : "")).filter((s) => s);
  return keys.join(" ") || "all";
}

function head(columns) {
  return make("thead", {}, make("tr", {}, ...columns.map((c) =>
    make("th", { scope: "col", class: numeric(c) && "number" }, c.name.replaceAll("_", " ")))));
}

// rowsOf makes a table of an answer.
function rowsOf(table) {
  const dots = new Map();
  if (table.series) {
    const metric = table.series[0].metric;
    table.series.filter((l) => l.metric === metric).slice(0, 10).forEach((l, i) => dots.set(l.row, i));
  }
  const row = (cells, index, first) => make("tr", first ? { class: "sum" } : {}, ...cells.map((value, i) => {
    const c = table.columns[i];
    const text = first && i === 0 && c.role === "key" ? first : first && value === null ? "" : cellText(value, c);
    const dot = i === 0 && dots.has(index) ? [make("span", { class: "dot c" + dots.get(index) })] : [];
    return make("td", { class: numeric(c) && "number" }, ...dot, text);
  }));
  const body = table.rows.map((r, i) => row(r, i));
  if (table.other) body.push(row(table.other, -1, `other (${table.others})`));
  if (table.total) body.push(row(table.total, -2, "total"));
  return make("div", { class: "wide" }, make("table", {}, head(table.columns), make("tbody", {}, ...body)));
}

// matrix makes a table of which the second key is across.
function matrix(table) {
  const down = new Map(), across = new Set();
  for (const r of table.rows) {
    const a = cellText(r[0], table.columns[0]), b = cellText(r[1], table.columns[1]);
    across.add(b);
    if (!down.has(a)) down.set(a, new Map());
    down.get(a).set(b, cellText(r[2], table.columns[2]));
  }
  const title = table.columns[0].name + " \\ " + table.columns[1].name;
  return make("div", { class: "wide" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, title), ...[...across].map((b) => make("th", { scope: "col", class: "number" }, b)))),
    make("tbody", {}, ...[...down].map(([a, cells]) => make("tr", {}, make("th", { scope: "row" }, a),
      ...[...across].map((b) => make("td", { class: "number" }, cells.get(b) || "·")))))));
}

// trust says what an answer is of, and how far to trust it.
function trust(t) {
  const all = [`${t.from} to ${t.to}: ${t.flows} flows` + (t.bin_seconds ? `, bins of ${t.bin_seconds} s` : "")];
  if (t.more) all.push(`${t.more} more are not shown`);
  if (t.bound) all.push(`a group that is not shown has at most ${amount(t.bound, "")}`);
  if (t.completeness) {
    const c = t.completeness;
    all.push(`${(100 * c.share).toFixed(3)} % of what was sent is in the store: ${c.missing} records did not come, ${c.lost} came and were not stored`);
  }
  if (t.sampled) {
    let how = t.scaled ? "multiplied by the rate" : "as sampled";
    if (t.least_rate) {
      how += `${t.scaled ? "" : " and stand for more"}, ×${t.least_rate}${t.most_rate > t.least_rate ? ` to ×${t.most_rate}` : ""}`;
    }
    all.push(`${t.sampled} flows sampled: counters are ${how}`);
  }
  if (t.rate_unknown) all.push(`the sampling rate of ${t.rate_unknown} flows is not known: they count as they are`);
  return make("div", { class: "quiet" }, ...all.concat(t.notes || []).map((s) => make("p", { class: "quiet" }, s)));
}

let asking = null;

async function answer(question) {
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  $("mistake").hidden = true;
  $("answer").replaceChildren(make("p", { class: "quiet" }, "asking …"));
  try {
    const response = await ask("api/v1/query", {
      method: "POST", signal: mine.signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ question }),
    });
    const table = await response.json();
    const parts = [];
    if (table.series && table.rows.length) parts.push(chart(table));
    parts.push(!table.rows.length ? make("p", {}, "no flows match") : table.show === "matrix" ? matrix(table) : rowsOf(table));
    $("answer").replaceChildren(...parts, trust(table));
  } catch (problem) {
    if (mine.signal.aborted) return;
    $("answer").replaceChildren();
    $("mistake").textContent = problem.message + (problem.at ? "\n" + problem.at.caret : "");
    $("mistake").hidden = false;
  }
}

// Completion: words of the language, fields, and values of the field before.
const shows = ["top", "series", "matrix", "count", "flows", "conversations"];
const clauses = ["by", "last", "this", "today", "yesterday", "from", "every", "raw", "dedup", "both", "present", "previous", "against", "idle", "zone", "where"];
const metrics = ["bits", "bytes", "packets", "flows", "distinct"];
const operators = ["=", "==", "!=", "<", "<=", ">", ">=", "~", "!~", "eq", "ne", "lt", "le", "gt", "ge"];
let fields = [];

const called = (f) => f.column || f.name;

function fieldBefore(words) {
  const from = words.indexOf("where");
  if (from < 0) return null;
  words = words.slice(from + 1);
  if (operators.includes(words[words.length - 1])) words.pop();
  for (let n = Math.min(3, words.length); n > 0; n--) {
    const text = words.slice(-n).join(" ").replace(/^[(!]+/, "");
    const f = fields.find((f) => f.name === text || f.column === text || (f.names || []).includes(text));
    if (f && f.group) return f;
  }
  return null;
}

async function completions(text, signal) {
  const begun = text.match(/[^\s,]*$/)[0];
  const words = text.slice(0, text.length - begun.length).toLowerCase().split(/[\s,]+/).filter((w) => w);
  const last = words[words.length - 1];
  const starts = (list) => list.filter((w) => w.toLowerCase().startsWith(begun.toLowerCase()) && w !== begun);
  if (!words.length) return starts(shows);
  const field = fieldBefore(words);
  if (field) {
    const query = new URLSearchParams({ field: called(field), prefix: begun, limit: "20" });
    const response = await ask("api/v1/values?" + query, { signal });
    return (await response.json()).values.map((v) => (/^[\w.:/+-]+$/.test(v) ? v : v.includes('"') ? `'${v}'` : `"${v}"`));
  }
  if (last === "by" && words[0] !== "count") return starts(metrics);
  if (last === "last") return starts(["15min", "1h", "24h", "7d", "hour", "day", "week", "month"]);
  if (last === "every") return starts(["1min", "5min", "1h", "1d"]);
  const where = words.includes("where");
  if (!begun) return where ? [] : starts(clauses);
  return starts((where ? ["and", "or", "not", "in"] : clauses).concat(fields.filter((f) => where || f.group).map(called))).slice(0, 30);
}

const input = $("question"), list = $("choices");
let chosen = -1, completing = null;

function close() {
  list.hidden = true;
  chosen = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(index) {
  const all = [...list.children];
  if (!all.length) return;
  chosen = (index + all.length) % all.length;
  all.forEach((e, i) => e.setAttribute("aria-selected", String(i === chosen)));
  all[chosen].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", all[chosen].id);
}

function accept(word) {
  const at = input.selectionStart;
  const before = input.value.slice(0, at).replace(/[^\s,]*$/, "") + word + " ";
  input.value = before + input.value.slice(at).trimStart();
  input.setSelectionRange(before.length, before.length);
  close();
  input.focus();
}

async function complete() {
  if (completing) completing.abort();
  const mine = (completing = new AbortController());
  const words = await completions(input.value.slice(0, input.selectionStart), mine.signal).catch(() => []);
  if (mine.signal.aborted) return;
  list.replaceChildren(...words.map((w, i) => make("li", { id: "choice-" + i, role: "option", "aria-selected": "false" }, w)));
  chosen = -1;
  list.hidden = !words.length;
  input.setAttribute("aria-expanded", String(!list.hidden));
}

input.addEventListener("input", complete);
input.addEventListener("blur", () => setTimeout(close, 150));
input.addEventListener("keydown", (e) => {
  if (e.key === "ArrowDown" && list.hidden) complete();
  if (list.hidden) return;
  if (e.key === "ArrowDown" || e.key === "ArrowUp") choose(chosen + (e.key === "ArrowDown" ? 1 : chosen < 0 ? 0 : -1));
  else if (e.key === "Escape") close();
  else if ((e.key === "Enter" || e.key === "Tab") && chosen >= 0) accept(list.children[chosen].textContent);
  else return;
  e.preventDefault();
});
list.addEventListener("mousedown", (e) => {
  e.preventDefault();
  if (e.target.role === "option" || e.target.tagName === "LI") accept(e.target.textContent);
});

$("ask").addEventListener("submit", (e) => {
  e.preventDefault();
  close();
  if (completing) completing.abort();
  const question = input.value.trim();
  if (!question) return;
  history.replaceState(null, "", "#" + encodeURIComponent(question));
  answer(question);
});

for (const text of [
  "top 10 src,dst by bytes last 1h", "series 8 app_name by bits last 6h", "top exporter,in_if by bits p95 today",
  "flows 50 last 10min", "conversations 10 by bytes last 1h", "matrix src_as x dst_as by bytes last 24h",
]) {
  const b = make("button", { type: "button" }, text);
  b.addEventListener("click", () => {
    input.value = text;
    $("ask").requestSubmit();
  });
  $("examples").append(b);
}

// Live top talkers, while somebody looks.
let live = null;

function showTop(top) {
  const span = Math.max(0.001, (new Date(top.to) - new Date(top.from)) / 1000);
  const rate = (n, unit) => amount(n / span, unit);
  $("now").textContent = `${rate(8 * top.total.octets, "bit/s")}, ${rate(top.total.packets, "packets/s")}, ${rate(top.total.flows, "flows/s")}` +
    (top.rate_unknown ? `; the sampling rate of ${top.rate_unknown} flows is not known` : "");
  $("tops").replaceChildren(...["source", "destination", "port", "exporter"].map((key) => make("div", {},
    make("h3", {}, key),
    make("table", {}, make("tbody", {}, ...top.tables[key].rows.map((r) => make("tr", {},
      make("td", {}, r.key), make("td", { class: "number" }, rate(8 * r.octets, "bit/s")))))))));
}

async function watch() {
  const mine = (live = new AbortController());
  while (!mine.signal.aborted) {
    try {
      const response = await ask("api/v1/flows/top?interval=2&limit=8", { signal: mine.signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const lines = text.split("\n");
        text = lines.pop();
        for (const line of lines) showTop(JSON.parse(line));
      }
    } catch (problem) {
      if (mine.signal.aborted) return;
      $("now").textContent = problem.message;
    }
    await new Promise((done) => setTimeout(done, 3000));
  }
}

// Exporters' health.
function ago(time) {
  const s = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return s < 120 ? `${Math.floor(s)} s ago` : s < 7200 ? `${Math.floor(s / 60)} min ago` : s < 172800 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86400)} d ago`;
}

function missing(transit) {
  if (!transit.sent) return "–";
  return transit.missing ? `${transit.missing} (${((100 * transit.missing) / transit.sent).toPrecision(2)} %)` : "0";
}

function showExporters(all) {
  if (!all.length) {
    $("exporters").replaceChildren(make("p", { class: "quiet" }, "no exporter has sent anything yet"));
    return;
  }
  const rows = [];
  for (const e of all) {
    for (const d of e.domains) {
      rows.push(make("tr", {},
        make("td", {}, e.address + (e.name ? ` (${e.name})` : "")), make("td", {}, d.protocol), make("td", { class: "number" }, String(d.domain)),
        make("td", { class: d.state }, d.state), make("td", { class: "number" }, ago(d.last_seen)), make("td", { class: "number" }, String(d.inside.records)),
        make("td", { class: "number" }, missing(d.transit)),
        make("td", {}, ...d.advice.map((a) => make("div", { class: a.severity, title: a.advice || "" }, `${a.severity}: ${a.text}`)))));
    }
  }
  const columns = ["exporter", "protocol", "domain", "state", "heard", "records", "missing", "what is wrong"].map((name) =>
    ({ name, kind: ["domain", "heard", "records", "missing"].includes(name) ? "uint" : "text" }));
  $("exporters").replaceChildren(make("table", {}, head(columns), make("tbody", {}, ...rows)));
}

async function refresh() {
  try {
    const [exporters, status] = await Promise.all(["exporters", "status"].map(async (p) => (await ask("api/v1/" + p)).json()));
    showExporters(exporters.exporters);
    $("status").textContent = `version ${status.version}, up since ${status.started.slice(0, 19).replace("T", " ")} UTC, ${status.traffic.flows} flows`;
  } catch (problem) {
    $("status").textContent = problem.message;
  }
}

async function begin() {
  if (live) live.abort();
  fields = await ask("api/v1/fields").then((r) => r.json()).then((f) => f.fields).catch(() => []);
  refresh();
  if (!document.hidden) watch();
}

$("token-form").addEventListener("submit", (e) => {
  e.preventDefault();
  sessionStorage.setItem(tokenKey, $("token").value.trim());
  $("token").value = "";
  $("token-form").hidden = true;
  begin();
});
document.addEventListener("visibilitychange", () => {
  if (live) live.abort();
  if (!document.hidden) {
    refresh();
    watch();
  }
});
setInterval(() => document.hidden || refresh(), 10000);
begin();
try {
  input.value = decodeURIComponent(location.hash.slice(1));
} catch {
  // not a question of ours
}
if (input.value) answer(input.value);
