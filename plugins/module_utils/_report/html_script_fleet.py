# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the page's script that knows the certificates: it unpacks, searches, filters and sorts them."""

from __future__ import annotations

FLEET = r"""
// Undo html_data.py: base64 of gzip of JSON.
async function unpacked(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// The columns of all certificates. A row is a number from 0. Times are in seconds, NaN where there is none.
class Fleet {
  constructor(data) {
    this.data = data;
    this.now = data.now;
    this.size = data.status.length;
    const times = data.times, before = (value, from) => value === null ? NaN : (Number.isNaN(from) ? 0 : from) - value;
    for (const key of ["end", "from", "due", "renew", "updated"]) this[key] = new Float64Array(this.size);
    for (let row = 0; row < this.size; row++) {
      const [end, from, due, renew, updated] = times.slice(5 * row, 5 * row + 5);
      this.end[row] = end ?? NaN;
      this.from[row] = before(from, this.end[row]);
      this.due[row] = before(due, this.end[row]);
      this.renew[row] = before(renew, this.due[row]);
      this.updated[row] = updated ?? NaN;
    }
    this.cases = new Map();
    for (const one of data.cases) this.cases.set(one[0], [...this.cases.get(one[0]) ?? [], one]);
    this.kinds = new Map(data.people.map(row => [row, this.cases.get(row)?.[0][1] ?? this.status(row)]));
    this.orders = new Map();
  }

  name(row) { return this.data.names[2 * row]; }
  subject(row) { return this.data.names[2 * row + 1]; }
  status(row) { return this.data.statuses[this.data.status[row]][0]; }
  statusWords(row) { return this.data.statuses[this.data.status[row]][1]; }
  text(key, row) { return this.data[key].texts[this.data[key].places[row]]; }
  problems(row) {
    return (this.cases.get(row) ?? []).map(([, kind, since, problem, step]) =>
      ({kind: this.data.kinds[kind] ?? kind, since: since ?? NaN,
        problem: this.data.words[problem], step: this.data.words[step]}));
  }

  // Return each place that names a certificate, with its row.
  rowsOf(places) {
    const rows = new Map(), key = (service, name) => JSON.stringify([service, name]);
    const named = Array.from(places, place => [place, key(place.dataset.service, place.dataset.name)]);
    const wanted = new Set(Array.from(places, place => place.dataset.name));
    for (let row = 0; row < this.size; row++)
      if (wanted.has(this.name(row))) rows.set(key(this.text("service", row), this.name(row)), row);
    return named.filter(([, text]) => rows.has(text)).map(([place, text]) => [place, rows.get(text)]);
  }

  // All that is searched, in lower case; made at the first search.
  get haystack() {
    const words = row => this.problems(row).map(one => one.problem).join("\n");
    this._haystack ??= Array.from({length: this.size}, (_, row) =>
      [this.name(row), this.subject(row), this.data.thumbprint[row], this.statusWords(row),
       ...["service", "provider", "ca", "state", "key"].map(key => this.text(key, row)),
       words(row)].join("\n").toLowerCase());
    return this._haystack;
  }

  // Return the rows that pass all filters, in order.
  found(wish) {
    const tests = [...this.tests(wish)];
    return this.order(wish.sort, wish.down).filter(row => tests.every(test => test(row)));
  }

  *tests(wish) {
    for (const key of ["service", "provider", "ca"]) {
      const {texts, places} = this.data[key], place = texts.indexOf(wish[key]);
      if (wish[key]) yield row => places[row] === place;
    }
    if (wish.status) {
      const place = this.data.statuses.findIndex(one => one[0] === wish.status);
      yield row => this.data.status[row] === place;
    }
    if (wish.kind) yield row => this.kinds.has(row) && (wish.kind === "any" || this.kinds.get(row) === wish.kind);
    if (wish.ends) yield this.ends(wish.ends);
    for (const word of wish.q.toLowerCase().split(/\s+/).filter(Boolean)) {
      const haystack = this.haystack;
      yield row => haystack[row].includes(word);
    }
  }

  // "past", "none", a number of days from now, or two days such as 2026-12-01/2026-12-07.
  ends(wish) {
    const {end, now} = this;
    if (wish === "past") return row => end[row] <= now;
    if (wish === "none") return row => Number.isNaN(end[row]);
    const [first, last] = wish.includes("/") ? wish.split("/").map(day => Date.parse(day) / 1000) : [now, NaN];
    const until = Number.isNaN(last) ? now + 86400 * Number(wish) : last + 86400;
    return row => end[row] > now && end[row] >= first && end[row] < until;
  }

  // Return all rows sorted; those without a value come last in either direction.
  order(key, down) {
    const known = `${key} ${down}`;
    if (!this.orders.has(known)) {
      const values = this.values(key), sign = down ? -1 : 1;
      const empty = value => value === "" || Number.isNaN(value);
      const rows = Uint32Array.from({length: this.size}, (_, row) => row).sort((a, b) => {
        const one = values[a], other = values[b];
        if (one === other) return a - b;
        if (empty(one) || empty(other)) return empty(one) - empty(other) || a - b;
        return one < other ? -sign : sign;
      });
      this.orders.set(known, rows);
    }
    return this.orders.get(known);
  }

  values(key) {
    const all = make => Array.from({length: this.size}, (_, row) => make(row));
    if (key === "name") return all(row => this.name(row).toLowerCase());
    if (key === "ends") return this.end;
    if (key === "renew") return this.renew;
    // The gravest first, and of those what ends first.
    if (key === "status") {
      const end = row => Number.isNaN(this.end[row]) ? 9e12 : this.end[row];
      return all(row => this.data.status[row] * 1e13 + end(row));
    }
    const lower = this.data[key].texts.map(text => text.toLowerCase());
    return all(row => lower[this.data[key].places[row]]);
  }
}
"""
