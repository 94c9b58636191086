// The queries for Grafana and Metabase: each is run on the demo's database and has to give what its panel draws.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, here } from './setup.mjs';

const files = (folder, ending) => readdirSync(join(here, folder)).filter((name) => name.endsWith(ending)).sort()
  .map((name) => [name, readFileSync(join(here, folder, name), 'utf8')]);

let client;
const types = new Map();

before(async () => {
  client = await connect('pql_pilot');
  const { rows } = await client.query('SELECT oid::int, typname FROM pg_type WHERE oid < 10000');
  rows.forEach(({ oid, typname }) => types.set(oid, typname));
});

after(() => client?.end());

const run = async (sql) => {
  const { rows, fields } = await client.query(sql);
  return { rows, columns: fields.map(({ name, dataTypeID }) => ({ name, type: types.get(dataTypeID) })) };
};

const isNumber = ({ type }) => ['float8', 'int4', 'int8', 'numeric'].includes(type);
const isTime = ({ type }) => ['timestamp', 'timestamptz', 'date'].includes(type);
const names = (columns) => columns.map((c) => c.name);
const have = (rows, name) => rows.some((r) => r[name] !== null);

// ---- Grafana ----

const range = ["'2026-07-01T00:00:00Z'", "'2027-07-01T00:00:00Z'"];

// As its data source for PostgreSQL does.
const expanded = (sql) => {
  const text = sql.replace(/\$__timeFilter\(([^)]*)\)/g, `$1 BETWEEN ${range[0]} AND ${range[1]}`)
    .replace(/\$__time\(([^)]*)\)/g, '$1 AS "time"')
    .replaceAll('$__timeFrom()', range[0]).replaceAll('$__timeTo()', range[1]);
  assert.doesNotMatch(text, /\$__|\$\{/, 'a macro that this test does not know');
  return text;
};

const dashboards = files('grafana', '.json').map(([name, text]) => [name, JSON.parse(text)]);

// Without surveys, and before 90 days have passed, some panels have rows and no numbers.
const waiting = ['NPS, contacted against not', '90-day retention'];

const check = {
  timeseries: ({ rows, columns }, panel) => {
    assert.equal(columns[0].name, 'time');
    assert.ok(isTime(columns[0]), columns[0].type);
    assert.ok(columns.length > 1 && columns.slice(1).every(isNumber), 'numbers by time');
    const times = rows.map((r) => new Date(r.time).getTime());
    times.slice(1).forEach((t, i) => assert.ok(t > times[i], 'in order, each time once'));
    if (!waiting.includes(panel.title)) {
      assert.ok(columns.slice(1).some((c) => have(rows, c.name)), 'a number to draw');
    }
  },
  stat: ({ rows, columns }) => {
    assert.equal(rows.length, 1);
    assert.equal(columns[0].type, 'float8');
    columns.slice(1).forEach((c) => {
      assert.equal(c.name, 'Status');
      assert.ok(['ok', 'warn', 'breach', 'inconclusive'].includes(rows[0].Status));
    });
    assert.notEqual(rows[0][columns[0].name], null);
  },
  barchart: ({ rows, columns }, panel) => {
    assert.equal(panel.options.xField, columns[0].name);
    assert.equal(columns[0].type, 'text');
    assert.ok(columns.length > 1 && columns.slice(1).every((c) => isNumber(c) && have(rows, c.name)));
  },
  table: ({ columns }) => assert.ok(columns.length > 2),
};

describe('Grafana', () => {
  it('has a dashboard for each of pql\'s', () => {
    assert.deepEqual(dashboards.map(([name]) => name.replace('.json', '')),
      ['conversion', 'funnel', 'guardrails', 'pipeline']);
    const uids = dashboards.map(([, d]) => d.uid);
    assert.equal(new Set(uids).size, uids.length);
  });

  for (const [name, dashboard] of dashboards) {
    it(`can import ${name}`, () => {
      assert.equal(dashboard.id ?? null, null);
      assert.deepEqual(dashboard.__inputs.map((i) => [i.name, i.type, i.pluginId]),
        [['DS_PQL', 'datasource', 'postgres']]);
      const ids = dashboard.panels.map((p) => p.id);
      assert.equal(new Set(ids).size, ids.length);
      const needed = dashboard.__requires.filter((r) => r.type === 'panel').map((r) => r.id).sort();
      assert.deepEqual(needed, [...new Set(dashboard.panels.map((p) => p.type))].sort());
      const cells = new Set();
      for (const { title, gridPos: { x, y, w, h }, datasource, targets } of dashboard.panels) {
        [datasource, ...targets.map((t) => t.datasource)].forEach((d) =>
          assert.deepEqual(d, { type: 'postgres', uid: '${DS_PQL}' }));
        assert.ok(x >= 0 && x + w <= 24, title);
        for (let i = x; i < x + w; i += 1) {
          for (let j = y; j < y + h; j += 1) {
            assert.ok(!cells.has(`${i},${j}`), `${title} covers another panel`);
            cells.add(`${i},${j}`);
          }
        }
      }
    });

    for (const panel of dashboard.panels) {
      it(`draws ${name}: ${panel.title} (${panel.type})`, async () => {
        for (const { rawSql, format } of panel.targets) {
          assert.equal(format, panel.type === 'timeseries' ? 'time_series' : 'table');
          const result = await run(expanded(rawSql));
          assert.ok(result.rows.length > 0, 'rows');
          check[panel.type](result, panel);
          panel.fieldConfig.overrides.forEach(({ matcher: { options } }) =>
            assert.ok(names(result.columns).includes(options), `override of ${options}`));
        }
      });
    }
  }

  it('asks only for the time that is shown', () => {
    const all = dashboards.flatMap(([, d]) => d.panels).filter((p) => p.type !== 'table');
    all.forEach((p) => p.targets.forEach((t) => assert.match(t.rawSql, /\$__timeFilter\(/, p.title)));
  });
});

// ---- Metabase ----

const head = (text) => {
  const shape = /^-- Title: (.+)\n-- Shows: (.+(?:\n-- {8}.+)*)\n-- Chart: ([^;]+)(?:; x: ([^;]+))?; y: (.+)\n\n/;
  const found = shape.exec(text);
  assert.ok(found, 'a head with title, what it shows, and chart');
  return { title: found[1], chart: found[3], x: found[4], y: found[5].split(', ') };
};

describe('Metabase', () => {
  for (const [name, text] of files('metabase', '.sql')) {
    it(`has an answer to ${name}`, async () => {
      const { chart, x, y } = head(text);
      assert.ok(['line', 'bar', 'stacked bar', 'row', 'table'].includes(chart), chart);
      const { rows, columns } = await run(text);
      assert.ok(rows.length > 0);
      assert.deepEqual(names(columns), [...(x ? [x] : []), ...y]);
      if (chart !== 'table') {
        assert.ok(columns.slice(1).every(isNumber), 'numbers');
        assert.ok(y.some((column) => have(rows, column)), 'a number to draw');
        assert.equal(new Set(rows.map((r) => String(r[x]))).size, rows.length, 'each x once');
      }
      if (chart === 'line' || chart === 'stacked bar') {
        assert.ok(isTime(columns[0]), columns[0].type);
        assert.deepEqual(rows.map((r) => r[x]), rows.map((r) => r[x]).sort());
      }
    });
  }
});
