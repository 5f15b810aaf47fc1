# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style of the page: light and dark, for wide and narrow windows and for paper. Texts have a contrast of 7 to 1."""

from __future__ import annotations

_COLOURS = """
:root { color-scheme: light dark; --back: #f3f4f7; --card: #fff; --tint: #f3f4f7; --text: #1a1c22; --soft: #464a53;
  --line: #d5d8de; --edge: #80858f; --act: #0b468c; --on-act: #fff; --bar: #6d93c4;
  --expired: #a01414; --revoked: #861257; --needs_person: #8f2d00; --failing: #6f4300; --waiting: #0b468c;
  --ends_soon: #564500; --in_use: #0b5d2a; --none: #464a53;
  --f-expired: #c23b3b; --f-revoked: #a8357c; --f-needs_person: #d0622b; --f-failing: #b98224; --f-waiting: #3f74b8;
  --f-ends_soon: #dcc45c; --f-in_use: #74b48c; --f-none: #9aa0aa; }
@media screen and (prefers-color-scheme: dark) { :root { --back: #121419; --card: #1c1f26; --tint: #262a33;
  --text: #f0f1f4; --soft: #c3c8d1; --line: #383d48; --edge: #7d838e; --act: #a6ccff; --on-act: #06192e;
  --bar: #5581ba; --expired: #ffb3a8; --revoked: #ffb3d9; --needs_person: #ffc29a; --failing: #f3cd7c;
  --waiting: #a6ccff; --ends_soon: #e3d791; --in_use: #8fdda8; --none: #c3c8d1;
  --f-expired: #e0645f; --f-revoked: #cf5fa5; --f-needs_person: #e3814c; --f-failing: #c9943a; --f-waiting: #6c9fdf;
  --f-ends_soon: #b9a347; --f-in_use: #3f8159; --f-none: #6d7380; } }
"""

_PAGE = """
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
body { margin: 0; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
header, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2rem; }
footer { padding-top: 2rem; padding-bottom: 2rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9375em; }
h1, h2, h3, p, ul, figure { margin: 0; padding: 0; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 2.75rem 0 .875rem; font-size: 1.3125rem; line-height: 1.25; }
h3 { font-size: 1rem; line-height: 1.4; }
ul { list-style: none; }
.soft { color: var(--soft); }
a { color: var(--act); text-underline-offset: .2em; }
:focus-visible { outline: .1875rem solid var(--act); outline-offset: .125rem; border-radius: .25rem; }
.skip { position: absolute; left: 1rem; top: -6rem; z-index: 2; padding: .75rem 1rem; background: var(--card); }
.skip:focus { top: 1rem; }
.away { position: absolute; }
header nav ul { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin-top: .5rem; }
header nav a { display: inline-block; padding: .625rem 0; }
#age:not(:empty) { margin-left: .5rem; font-weight: 600; color: var(--needs_person); }
.card { padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .625rem; }
.card + .card { margin-top: .75rem; }
.flush { padding: 0; overflow: clip; }
.pad { padding: 1rem 1.25rem; }
.i { flex: none; width: 1.0625em; height: 1.0625em; vertical-align: -.1875em; margin-right: .375em; fill: none;
  stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
button, input, select { font: inherit; color: inherit; }
::placeholder { color: var(--soft); opacity: 1; }
button { cursor: pointer; }
span[data-filter], strong[data-name], .log .soft { display: inline-block; }
.link { padding: .125rem 0; min-height: 1.75rem; border: 0; background: none; color: var(--act); text-align: left;
  overflow-wrap: anywhere; text-decoration: underline; text-decoration-color: var(--edge);
  text-underline-offset: .2em; }
.link:hover { text-decoration-color: currentColor; }
summary { display: inline-block; margin-top: .5rem; padding: .375rem 0; color: var(--act); cursor: pointer; }
summary::before { content: "+"; content: "+" / ""; display: inline-block; width: 1.125em; font-weight: 600; }
details[open] > summary::before { content: "-"; content: "-" / ""; }
.expired { --tone: var(--expired); --fill: var(--f-expired); }
.revoked { --tone: var(--revoked); --fill: var(--f-revoked); }
.needs_person { --tone: var(--needs_person); --fill: var(--f-needs_person); }
.failing { --tone: var(--failing); --fill: var(--f-failing); }
.waiting { --tone: var(--waiting); --fill: var(--f-waiting); }
.ends_soon { --tone: var(--ends_soon); --fill: var(--f-ends_soon); }
.in_use { --tone: var(--in_use); --fill: var(--f-in_use); }
.none { --tone: var(--none); --fill: var(--f-none); }
"""

_TOP = """
#summary { padding-top: 1px; }
.verdict { display: flex; align-items: center; gap: .25rem; margin: 1.25rem 0 .25rem; font-size: 1.5rem;
  color: var(--tone); }
.share { display: block; margin: 1.125rem 0 .75rem; border-radius: .3125rem; }
.share rect { fill: var(--fill); }
.tiles { display: grid; grid-template-columns: repeat(8, 1fr); gap: .625rem; }
.tile { position: relative; padding: .75rem .875rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .625rem; line-height: 1.3; }
.tile strong { display: block; font-size: 1.5rem; line-height: 1.2; color: var(--tone);
  font-variant-numeric: tabular-nums; }
.tile > span, button > span { display: flex; font-size: .875rem; color: var(--soft); }
.tile .i { margin-top: .125em; }
.tile .i { color: var(--tone); }
.empty { background: none; }
.empty strong, .empty .i { color: var(--soft); font-weight: 400; }
.presses { padding: 0; }
.tile button { width: 100%; height: 100%; padding: .75rem .875rem; border: 0; border-radius: .5625rem;
  background: none; text-align: left; line-height: 1.3; display: flex; flex-direction: column; }
.tile button:hover { background: var(--tint); }
.tile [aria-pressed=true] { box-shadow: inset 0 0 0 .1875rem var(--tone); }
.tile [aria-pressed=true] span { text-decoration: underline; text-underline-offset: .2em; }
.verdict + p { max-width: 62rem; }
.good { color: var(--in_use); }
.trouble { border-left: .3125rem solid var(--fill); }
.trouble h3 { color: var(--tone); font-size: 1.0625rem; }
.count { display: inline-block; margin-left: .375rem; font-size: .875rem; font-weight: 400; color: var(--soft); }
.trouble li { padding: .625rem 0; border-top: 1px solid var(--line); }
.trouble li:first-child { margin-top: .625rem; }
.trouble li:last-child { padding-bottom: 0; }
.trouble li p, .step { max-width: 62rem; }
.fact { display: inline-block; font-size: .875rem; color: var(--soft); }
.fact::before { content: "\\00B7"; content: "\\00B7" / ""; margin: 0 .375rem 0 .125rem; }
.trouble li p + p, h3 + p, h3 + p + p { margin-top: .25rem; }
.step { margin-top: .25rem; }
.more { margin-top: .75rem; color: var(--soft); }
.pill { display: inline-block; color: var(--tone); white-space: nowrap; }
"""

_PARTS = """
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; align-items: start; }
.charts .card { margin: 0; }
.chart { display: block; width: calc(100% - 2.5rem); margin: .5rem 0 0 2.5rem; overflow: visible; }
.chart .y { text-anchor: end; }
.chart text { font-size: .75rem; fill: var(--soft); }
.grid, .tick { stroke: var(--line); }
.base { stroke: var(--edge); }
.bar { fill: var(--bar); }
.bad { fill: var(--f-needs_person); }
.hit { fill: transparent; }
.chart.acts g { cursor: pointer; }
.chart.acts g:hover .hit { fill: var(--tint); }
.legend { margin-top: .625rem; font-size: .875rem; color: var(--soft); }
.legend svg { margin: 0 .25rem 0 0; vertical-align: -.125rem; }
.legend svg ~ svg { margin-left: 1rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .5rem .625rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 400; }
thead th { border: 0; font-size: .875rem; color: var(--soft); vertical-align: bottom; }
.sums { table-layout: fixed; } .sums thead .n { white-space: normal; line-height: 1.25; }
.sums th:first-child { padding-left: 0; width: 43%; } .sums .n { padding-left: .375rem; padding-right: .375rem; }
.sums th:nth-child(3) { width: 22%; } .sums th:nth-child(4) { width: 20%; } .sums thead .n { font-size: .8125rem; }
.sums .link { min-height: 1.5rem; padding: 0; } .sums td:last-child, .sums th:last-child { padding-right: 0; }
.sums { margin-top: .5rem; }
.sums .share { margin: .25rem 0 0; }
.groups { display: grid; grid-template-columns: repeat(3, 1fr); gap: .75rem; align-items: start; }
.groups .card { margin: 0; }
.log { margin-bottom: 1rem; }
.log li { display: grid; grid-template-columns: 8.5rem 8rem 1fr; gap: 0 .75rem; padding: .4375rem 0;
  border-top: 1px solid var(--line); }
.log .when { color: var(--soft); font-variant-numeric: tabular-nums; }
.log .what { color: var(--tone); }
.log strong { font-weight: 500; }
.long { display: -webkit-inline-box; vertical-align: top; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  overflow: hidden; }
.link .long { text-decoration: inherit; } dialog .long { display: inline; }
.log .why { color: var(--soft); font-size: .9375rem; }
.card > .log:last-of-type { margin-bottom: 0; }
"""

_TABLE = """
#tools { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  padding: 1.25rem 1.25rem 0; align-items: end; }
#tools .find { grid-column: 1 / -1; }
#tools label { display: block; font-size: .875rem; color: var(--soft); }
#tools input, #tools select, #tools button, #pages button { width: 100%; min-height: 2.75rem; padding: .5rem .75rem;
  border: 1px solid var(--edge); border-radius: .375rem; background: var(--card); color: var(--text); }
#tools select { text-overflow: ellipsis; }
#found { padding: .875rem 1.25rem; color: var(--soft); }
#table th:first-child { padding-left: 1.25rem; } #table td:last-child, #table th:last-child { padding-right: 1.25rem; }
#table { table-layout: fixed; }
#table td { font-size: .9375rem; }
#table small { display: block; font-size: .8125rem; }
#table tbody tr:hover { background: var(--tint); }
#table .c-name { width: 22%; } #table .c-status { width: 14%; } #table .c-provider { width: 10%; }
#table .c-ends, #table .c-renew { width: 11%; } #table .c-service { width: 17%; }
#table thead button { padding: .25rem 0; min-height: 2rem; border: 0; background: none; color: inherit;
  text-align: left; }
#table thead button::after { content: "\\2195"; content: "\\2195" / ""; display: inline-block;
  margin-left: .375em; font-size: .75em; }
#table thead button:hover { text-decoration: underline; text-underline-offset: .2em; }
#table [aria-sort] button { color: var(--text); font-weight: 600; }
#table [aria-sort=ascending] button::after { content: "\\25B2"; content: "\\25B2" / ""; }
#table [aria-sort=descending] button::after { content: "\\25BC"; content: "\\25BC" / ""; }
#table.alone .c-service { display: none; }
#pages { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .5rem 1rem;
  padding: 1rem 1.25rem; border-top: 1px solid var(--line); }
#pages div { display: flex; gap: .5rem; }
#pages button { width: auto; min-width: 2.75rem; }
button:disabled { opacity: .5; cursor: default; }
dialog { width: min(44rem, calc(100vw - 2rem)); max-height: calc(100vh - 4rem); padding: 0;
  border: 1px solid var(--edge); border-radius: .75rem; background: var(--card); color: var(--text); }
dialog::backdrop { background: rgb(0 0 0 / .5); }
dialog > div { padding: 1.5rem; }
dialog h2 { margin: 0 5.5rem .25rem 0; }
dialog .close { position: absolute; top: 1rem; right: 1rem; min-height: 2.75rem; padding: 0 1rem;
  border: 1px solid var(--edge); border-radius: .375rem; background: var(--card); }
dialog dl { display: grid; grid-template-columns: 9rem 1fr; gap: .375rem 1rem; margin: 1rem 0 0; }
dialog dt { color: var(--soft); }
dialog dd { margin: 0; }
dialog .problem { margin-top: 1rem; padding: .75rem 1rem; border-left: .25rem solid var(--tone, var(--edge));
  background: var(--tint); }
.mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875rem; }
"""

_NARROW = """
@media (max-width: 70rem) { .tiles { grid-template-columns: repeat(4, 1fr); }
  .groups, .charts { grid-template-columns: 1fr; }
  #tools { grid-template-columns: repeat(3, 1fr); } }
@media screen and (max-width: 62rem) { #table .c-provider, #table .c-renew { display: none; }
  #table .c-ends { width: 16%; } #table .c-name { width: 36%; } #table .c-status { width: 17%; } }
@media screen and (max-width: 44rem) { header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  header { padding-top: 1.25rem; } h1 { font-size: 1.375rem; } .verdict { font-size: 1.25rem; }
  .card { padding: 1rem; } .flush { padding: 0; }
  header nav ul { gap: 0 1.25rem; } header nav a { padding: .375rem 0; } .minor { display: none; }
  .log li { grid-template-columns: auto 1fr; } .log div { grid-column: 1 / -1; }

  #tools { grid-template-columns: 1fr 1fr; padding: 1rem 1rem 0; } #found, #pages { padding: .875rem 1rem; }
  #table .c-ca, #table .c-service { display: none; } #table th:first-child { padding-left: 1rem; }
  #table .c-name { width: auto; } #table .c-status { width: 29%; } #table .c-ends { width: 32%; }
  #table th, #table td { padding-left: .375rem; padding-right: .375rem; } #table td { font-size: .875rem; }
  #table .link { font-size: .9375rem; } #table .i { margin-top: .1875em; }
  #table .pill { display: flex; white-space: normal; }
  .count { display: block; margin: 0; } .fact { display: block; } .fact::before { content: none; }
  dialog dl { grid-template-columns: 1fr; gap: 0; } dialog dd { margin-bottom: .5rem; } }
@media screen and (max-width: 26rem) { #table .pill, #table .pill .i { display: block; } }
@media screen and (max-width: 36rem) { .tiles { grid-template-columns: 1fr 1fr; } }
"""

_PAPER = """
@media print { :root { color-scheme: light; --back: #fff; --tint: #fff; font-size: 10pt; } @page { margin: 14mm; }
  header, main, footer { max-width: none; padding: 0; }
  .skip, header nav, #tools, #pages, summary, dialog { display: none !important; }
  h2 { margin-top: 1.5rem; break-after: avoid; } h3 { break-after: avoid; }
  .tiles { grid-template-columns: repeat(4, 1fr); } .groups { grid-template-columns: 1fr 1fr; }
  #table thead button::after { content: none; }
  .card { padding: .75rem; } .flush { padding: 0; border: 0; } figure, li, tr, .tile { break-inside: avoid; }
  .link, .tile button, #table thead button { color: inherit; text-decoration: none; }
  #table td, #table small { font-size: 8.5pt; } th, td { padding: .25rem .375rem; }
  #table th:first-child { padding-left: 0; } #found { padding: 0 0 .5rem; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

_FORCED = """
@media (forced-colors: active) { .tile [aria-pressed=true] { outline: .1875rem solid Highlight; }
  .bar { fill: CanvasText; } .bad { fill: Highlight; } }
"""

STYLE = "".join((_COLOURS, _PAGE, _TOP, _PARTS, _TABLE, _NARROW, _PAPER, _FORCED))
