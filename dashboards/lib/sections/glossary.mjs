// What each number means, from the catalogue.

import { html } from '../html.mjs';
import { short } from '../format.mjs';
import { section } from '../parts.mjs';

const order = ['pipeline', 'conversion', 'guardrails', 'funnel', 'playbook', 'feedback'];

// Dashboards that this report does not know come last.
const rank = ({ dashboard }) => (order.includes(dashboard) ? order.indexOf(dashboard) : order.length);

const levels = (m) => {
  const level = (name) => short(m[name], m.unit, m.metric);
  const isRange = m.target !== null && m.target_high !== null;
  return [
    m.target !== null && `target ${level('target')}${isRange ? ` to ${level('target_high')}` : ''}${
      m.metric === 'triggered' ? ' for each rep and business day' : ''}`,
    m.minimum !== null && `${m.direction === 'lower' ? 'at most' : 'at least'} ${level('minimum')}`,
    m.breach !== null && `breach ${level('breach')}`,
  ].filter(Boolean).join(', ');
};

const term = (m) => html`<div><dt>${m.title} <code>${m.metric}</code></dt>
<dd>${m.definition} <span class="formula">${m.formula}</span>${
  levels(m) && html` <span class="levels">${levels(m)}</span>`}</dd></div>
`;

export const glossary = (data) => {
  const sorted = [...data.catalogue].sort((a, b) => rank(a) - rank(b));
  const names = [...new Set(sorted.map((m) => m.section))];
  return section('glossary', 'Glossary', 'What each number means and how it is reckoned: the catalogue pql.metric.',
    html`<div class="glossary">${names.map((name) => html`<div class="terms"><h3>${name}</h3><dl>
${sorted.filter((m) => m.section === name).map(term)}</dl></div>
`)}</div>`);
};
