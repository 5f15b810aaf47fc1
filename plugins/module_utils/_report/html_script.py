# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the page: the table with its search, filters and pages, and the details of one certificate.

Without it the page is whole but for that. It builds elements and sets their texts, so no text of others is ever read
as HTML.
"""

from __future__ import annotations

from .html_script_fleet import FLEET

_WORDS = r"""
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const number = value => value.toLocaleString("en-GB");
const counted = (value, one, many = one + "s") => `${number(value)} ${value === 1 ? one : many}`;
const two = value => String(value).padStart(2, "0");

function day(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
}

function moment(seconds) {
  const at = new Date(seconds * 1000);
  return `${day(seconds)}, ${[at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(":")} UTC`;
}

function away(seconds, now) {
  const length = Math.abs(seconds - now);
  if (length < 60) return "just now";
  const units = [["days", 86400], ["hours", 3600], ["minutes", 60]];
  const [unit, size] = units.find(one => length >= 2 * one[1]) ?? ["seconds", 1];
  const words = `${Math.floor(Number((length / size).toFixed(1)))} ${unit}`;
  return seconds > now ? `in ${words}` : `${words} ago`;
}

function element(tag, set, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(set ?? {})) made[key] = value;
  made.append(...children);
  return made;
}

// A name has its own direction of writing, and may be broken after a dot.
function named(text) {
  const parts = text.split(/(?<=\.)/).flatMap(part => [part, element("wbr")]).slice(0, -1);
  return element("bdi", {className: text.length > 90 ? "long" : ""}, ...parts);
}

function symbol(key) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  for (const [name, value] of [["class", `i ${key}`], ["viewBox", "0 0 16 16"], ["aria-hidden", "true"]])
    drawing.setAttribute(name, value);
  use.setAttribute("href", `#i-${key}`);
  drawing.append(use);
  return drawing;
}

const pill = (key, words) => element("span", {className: `pill ${key}`}, symbol(key), words);
"""

_DETAILS = r"""
// A window with all that is known of one certificate.
function details(fleet, row) {
  const time = value => Number.isNaN(value) ? "" : `${moment(value)} (${away(value, fleet.now)})`;
  const facts = [
    ["Service", fleet.text("service", row)], ["Subject", fleet.subject(row)], ["CA", fleet.text("ca", row)],
    ["Provider", fleet.text("provider", row)], ["Valid from", time(fleet.from[row])], ["Ends", time(fleet.end[row])],
    ["Due", time(fleet.due[row])], ["To be renewed", time(fleet.renew[row])],
    ["Renewal", fleet.text("renewal", row)], ["Key", fleet.text("key", row)],
    ["Thumbprint", fleet.data.thumbprint[row], "mono"], ["Revision", String(fleet.data.revision[row] || "")],
    ["State", fleet.text("state", row)], ["Last change", time(fleet.updated[row])],
  ];
  const list = element("dl");
  for (const [key, value, style] of facts)
    if (value) list.append(element("dt", null, key), element("dd", {className: style ?? ""}, named(value)));
  const close = element("button", {className: "close", type: "button"}, "Close");
  const problems = fleet.problems(row).map(one => element("div", {className: `problem ${fleet.status(row)}`},
    element("p", null, element("b", null, one.kind), Number.isNaN(one.since) ? "" : ` since ${moment(one.since)}`),
    element("p", null, `${one.problem[0]?.toUpperCase() ?? ""}${one.problem.slice(1)}.`),
    element("p", {className: "step"}, element("b", null, "Next: "), `${one.step}.`)));
  const head = element("h2", {id: "detail-h"}, named(fleet.name(row)));
  const frame = element("dialog", null, element("div", null, close, head,
    element("p", null, pill(fleet.status(row), fleet.statusWords(row))), ...problems, list));
  frame.setAttribute("aria-labelledby", "detail-h");
  close.addEventListener("click", () => frame.close());
  frame.addEventListener("click", event => event.target === frame && frame.close());
  frame.addEventListener("close", () => frame.remove());
  document.body.append(frame);
  frame.showModal();
}
"""

_TABLE = r"""
const CELLS = ["ends", "renew", "ca", "provider", "service"];
const MOST_ON_PAPER = 1000;

// The table, and the wishes of the person who reads it: search, filters, order and page.
class Table {
  constructor(fleet) {
    this.fleet = fleet;
    this.table = document.getElementById("table");
    this.perPage = Number(this.table.dataset.page);
    this.wish = {q: "", status: "", kind: "", ends: "", service: "", provider: "", ca: "", sort: "status", down: false};
    this.page = 0;
    this.makeTools();
    this.makePages();
    for (const head of this.table.querySelectorAll("[data-sort]")) {
      const button = element("button", {type: "button"}, ...head.childNodes);
      button.addEventListener("click", () => this.sort(head.dataset.sort));
      head.append(button);
    }
    addEventListener("beforeprint", () => this.draw(0, MOST_ON_PAPER));
    addEventListener("afterprint", () => this.draw(this.page, this.perPage));
    addEventListener("hashchange", () => this.readAddress());
    this.readAddress();
    this.apply();
  }

  makeTools() {
    const {fleet} = this, texts = key => fleet.data[key].texts.filter(Boolean).sort().map(text => [text, text]);
    const kinds = new Set(fleet.kinds.values());
    const found = Object.entries(fleet.data.kinds).filter(([kind]) => kinds.has(kind));
    this.fields = {
      q: element("input", {type: "search", autocomplete: "off", spellcheck: false,
        placeholder: "Name, subject, thumbprint, CA, problem"}),
      status: this.choice("Any status", fleet.data.statuses, 1),
      kind: this.choice("Any", found.length ? [["any", "Needs a person"], ...found] : [], 1),
      ends: this.choice("Any time", [["7", "In 7 days"], ["30", "In 30 days"], ["90", "In 90 days"],
        ["365", "In a year"], ["past", "Has ended"], ["none", "No certificate"]], 1),
      ca: this.choice("Any CA", texts("ca"), 2),
      provider: this.choice("Any provider", texts("provider"), 2),
      service: this.choice("Any service", texts("service"), 2),
    };
    const titles = {q: "Search", status: "Status", kind: "Problem", ends: "Ends", ca: "CA", provider: "Provider",
      service: "Service"};
    const tools = document.getElementById("tools");
    for (const [key, field] of Object.entries(this.fields)) {
      field.id = `f-${key}`;
      if (!field.hidden)
        tools.append(element("div", {className: key === "q" ? "find" : ""},
          element("label", {htmlFor: field.id}, titles[key]), field));
      field.addEventListener("input", () => this.set(key, field.value));
    }
    this.clear = element("button", {type: "button"}, "Clear");
    this.clear.addEventListener("click", () => { this.reset(); this.fields.q.focus(); });
    tools.append(element("div", null, this.clear));
    tools.addEventListener("submit", event => event.preventDefault());
    tools.hidden = false;
  }

  // A field with too few values to choose from stays away.
  choice(any, values, fewest) {
    const options = [["", any], ...values].map(([value, text]) => element("option", {value}, text));
    return element("select", {hidden: values.length < fewest}, ...options);
  }

  makePages() {
    const button = (words, to) => {
      const made = element("button", {type: "button"}, words);
      made.addEventListener("click", () => { this.page = to(); this.draw(this.page, this.perPage); });
      return made;
    };
    this.rows = element("span");
    this.back = [button("First", () => 0), button("Previous", () => this.page - 1)];
    this.on = [button("Next", () => this.page + 1), button("Last", () => this.lastPage())];
    this.pages = document.getElementById("pages");
    this.pages.append(this.rows, element("div", null, ...this.back, ...this.on));
  }

  lastPage() { return Math.max(Math.ceil(this.found.length / this.perPage) - 1, 0); }

  sort(key) {
    this.wish.down = this.wish.sort === key && !this.wish.down;
    this.wish.sort = key;
    this.apply();
  }

  set(key, value) {
    this.wish[key] = value;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), key === "q" ? 80 : 0);
  }

  reset(wish = {}) {
    for (const key of Object.keys(this.fields)) this.wish[key] = wish[key] ?? "";
    this.apply();
  }

  // Show only what a number of the report stands for.
  only(key, value) {
    const pressed = this.wish[key] === value;
    this.reset(pressed ? {} : {[key]: value});
    if (pressed) return;
    document.getElementById("certificates").scrollIntoView();
    document.getElementById("found").focus({preventScroll: true});
  }

  apply() {
    for (const [key, field] of Object.entries(this.fields)) {
      if (key === "ends" && this.wish.ends.includes("/")) this.offer(field, this.wish.ends);
      field.value = this.wish[key];
      if (field.value !== this.wish[key]) this.wish[key] = field.value = "";
    }
    this.found = this.fleet.found(this.wish);
    this.page = 0;
    this.clear.disabled = !Object.keys(this.fields).some(key => this.wish[key]);
    for (const tile of document.querySelectorAll(".tile button"))
      tile.setAttribute("aria-pressed", tile.parentElement.dataset.value === this.wish.status);
    for (const head of this.table.querySelectorAll("[data-sort]")) {
      if (head.dataset.sort !== this.wish.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.wish.down ? "descending" : "ascending");
    }
    this.writeAddress();
    this.draw(0, this.perPage);
  }

  // The days of a bar are one more choice.
  offer(field, value) {
    const [first, last] = value.split("/").map(text => Date.parse(text) / 1000);
    if (!(first <= last)) return;
    const words = first === last ? day(first) : `${day(first)} to ${day(last)}`;
    field.querySelector("[data-bar]")?.remove();
    const option = element("option", {value}, words);
    option.dataset.bar = "";
    field.append(option);
  }

  draw(page, perPage) {
    const {found, fleet} = this, begin = page * perPage, rows = found.slice(begin, begin + perPage);
    this.table.tBodies[0].replaceChildren(...Array.from(rows, row => this.row(row)));
    const all = counted(fleet.size, "certificate");
    document.getElementById("found").textContent = found.length === fleet.size ? all
      : found.length ? `${number(found.length)} of ${all}` : "No certificate is like that.";
    if (perPage > this.perPage && found.length > rows.length)
      document.getElementById("found").textContent += `, of which the first ${number(rows.length)} are printed`;
    this.rows.textContent = `Rows ${number(begin + 1)} to ${number(begin + rows.length)} of ${number(found.length)}`;
    this.pages.hidden = found.length <= this.perPage;
    for (const button of this.back) button.disabled = page <= 0;
    for (const button of this.on) button.disabled = page >= this.lastPage();
  }

  row(row) {
    const {fleet} = this;
    const open = element("button", {type: "button", className: "link"}, named(fleet.name(row)));
    open.addEventListener("click", () => details(fleet, row));
    const head = element("th", {scope: "row", className: "c-name"}, open);
    const cells = {
      ends: this.when(fleet.end[row]),
      renew: this.renewal(row),
      ...Object.fromEntries(["ca", "provider", "service"].map(key => [key, [named(fleet.text(key, row))]])),
    };
    return element("tr", null, head,
      element("td", {className: "c-status"}, pill(fleet.status(row), fleet.statusWords(row))),
      ...CELLS.map(key => element("td", {className: `c-${key}`}, ...cells[key])));
  }

  renewal(row) {
    const {fleet} = this;
    if (Number.isNaN(fleet.end[row])) return [];
    if (fleet.renew[row] > fleet.now) return this.when(fleet.renew[row]);
    if (fleet.renew[row] <= fleet.now) return ["next run"];
    return [fleet.data.pending.includes(fleet.text("state", row)) ? "on its way" : "not planned"];
  }

  when(seconds) {
    if (Number.isNaN(seconds)) return [];
    return [`${day(seconds)} `, element("small", {className: "soft"}, away(seconds, this.fleet.now))];
  }

  // The filters are in the address, so they can be kept and passed on.
  writeAddress() {
    const set = Object.entries(this.wish).filter(([key, value]) => value && (key !== "sort" || value !== "status"));
    const text = new URLSearchParams(set).toString();
    if (!text && !location.hash.includes("=")) return;
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  readAddress() {
    if (!location.hash.includes("=")) return;
    const wish = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(this.fields)) this.wish[key] = wish.get(key) ?? "";
    const sort = wish.get("sort");
    this.wish.sort = sort && this.table.querySelector(`[data-sort="${CSS.escape(sort)}"]`) ? sort : "status";
    this.wish.down = wish.get("down") === "true";
    this.apply();
  }
}
"""

_START = r"""
// Make the numbers and names of the report into buttons.
function liven(fleet, table) {
  for (const place of document.querySelectorAll("[data-filter]")) {
    const tile = place.classList.contains("tile");
    const button = element("button", {type: "button", className: tile ? "" : "link"}, ...place.childNodes);
    button.addEventListener("click", () => table.only(place.dataset.filter, place.dataset.value));
    place.append(button);
    place.classList.toggle("presses", tile);
  }
  // What happened may be about a certificate that is not there any more.
  for (const [place, row] of fleet.rowsOf(document.querySelectorAll("[data-name]"))) {
    const button = element("button", {type: "button", className: "link"}, ...place.childNodes);
    button.addEventListener("click", () => details(fleet, row));
    place.append(button);
  }
  for (const bar of document.querySelectorAll("[data-ends]")) {
    bar.ownerSVGElement.classList.add("acts");
    bar.addEventListener("click", () => table.only("ends", bar.dataset.ends));
  }
  document.getElementById("found").tabIndex = -1;
}

async function start() {
  const place = document.getElementById("data"), fleet = new Fleet(await unpacked(place.textContent));
  place.remove();
  const table = new Table(fleet);
  liven(fleet, table);
  table.apply();
  const days = Math.floor((Date.now() / 1000 - fleet.now) / 86400);
  if (days > 0) document.getElementById("age").textContent = `${counted(days, "day")} ago`;
  document.documentElement.dataset.ready = "";
}

// The page is drawn before the script starts to work.
requestAnimationFrame(() => setTimeout(() => start().catch(error => {
  document.getElementById("found").textContent += ". Search and filters do not work in this browser.";
  console.error(error);
})));
"""

SCRIPT = f'(() => {{\n"use strict";{_WORDS}{FLEET}{_DETAILS}{_TABLE}{_START}}})();\n'
