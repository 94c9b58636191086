// The page that dashboards/report makes: is it what the database says, and can everybody read it?

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { asOf, browse, connect, database, dropAll, here, pictures, report, script, sql } from './setup.mjs';

const demo = 'pql_pilot';
const widths = [320, 360, 768, 1280];

let browser;
const pages = {};

// A page opened in the browser, with what it complained of.
const open = async (name, { width = 1280, scheme = 'light', height = 900 } = {}) => {
  const file = join(pictures, `${name}.html`);
  writeFileSync(file, pages[name]);
  const tab = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  const complaints = [];
  tab.on('console', (message) => complaints.push(message.text()));
  tab.on('pageerror', (error) => complaints.push(String(error)));
  tab.on('dialog', (dialog) => complaints.push(`dialog ${dialog.message()}`) && dialog.dismiss());
  tab.on('request', (request) => request.url() !== `file://${file}` && complaints.push(`asked for ${request.url()}`));
  tab.on('requestfailed', (request) => complaints.push(`failed ${request.url()}`));
  await tab.goto(`file://${file}`);
  return { tab, complaints };
};

const unfold = (tab) => tab.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));

before(async () => {
  const there = await sql('postgres', `SELECT FROM pg_database WHERE datname = '${demo}'`);
  assert.equal(there.length, 1, `The demo has to be played before: scripts/with-cluster demo/run makes ${demo}.`);
  await database('pql_report_empty', { scripts: ['CREATE EXTENSION pql'] });
  await database('pql_report_stubs', { template: demo, scripts: [script('stubs.sql')] });
  for (const [name, of] of [['demo', demo], ['empty', 'pql_report_empty'], ['stubs', 'pql_report_stubs']]) {
    const { page, said, code } = report(of);
    assert.equal(said, '');
    assert.equal(code, 0);
    pages[name] = page;
  }
  browser = await browse();
  console.log(`Screenshots and a PDF are in ${pictures}`);
});

after(async () => {
  await browser?.close();
  await dropAll();
});

// ---- numbers ----

const sources = {
  pipeline: 'pql.dashboard_pipeline_at($1)', conversion: 'pql.dashboard_conversion_at($1)',
  guardrails: 'pql.dashboard_guardrails_at($1)', playbook: 'pql.dashboard_playbook_at($1)',
  feedback: 'pql.dashboard_feedback_at($1)', funnel: 'pql.cohort_funnel_at($1)',
  scorecard: 'pql.pilot_scorecard(NULL, $1)', signals: 'pql.signal_outcomes($1)',
};

const rowKey = (r) => [r.grain, r.period, r.metric ?? r.signal].join(' ');

const readAgain = async (of) => {
  const client = await connect(of);
  const read = {};
  for (const [name, from] of Object.entries(sources)) {
    const there = name !== 'scorecard' && name !== 'signals' ||
      (await client.query('SELECT to_regproc($1) AS found', [from.replace(/\(.*/, '')])).rows[0].found;
    const { rows } = there ? await client.query(`SELECT * FROM ${from}`, [asOf]) : { rows: [] };
    read[name] = new Map(rows.map((r) => [rowKey(r), r]));
    assert.equal(read[name].size, rows.length, `rows of ${name} are told apart`);
  }
  await client.end();
  return read;
};

// Everything on the page that says where it is from.
const said = (tab) => tab.evaluate(() => [...document.querySelectorAll('[data-field]')].map((e) => {
  const of = (name) => e.closest(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? undefined;
  return { source: of('source'), grain: of('grain'), period: of('period'), metric: of('metric'), sum: of('sum'),
    field: of('field'), value: e.hasAttribute('data-value') ? Number(e.getAttribute('data-value')) : null,
    text: e.textContent };
}));

// What a person reads: "31.4 %" is 0.314, give or take half of the last digit.
const asRead = (text) => {
  const found = /^([+\u2212]?)([\d,]+(\.\d+)?)(\u00a0?(%|pp|h|d|min|×))?( to .*)?$/.exec(text);
  assert.ok(found, `a number: ${JSON.stringify(text)}`);
  const scale = found[5] === '%' || found[5] === 'pp' ? 100 : 1;
  const digits = (found[3] ?? '.').length - 1;
  const value = (found[1] === '\u2212' ? -1 : 1) * Number(found[2].replaceAll(',', '')) / scale;
  return { value, within: 0.5000001 * 10 ** -digits / scale };
};

const compare = async (name, of, least) => {
  const { tab } = await open(name);
  const all = await said(tab);
  const read = await readAgain(of);
  assert.ok(all.length >= least, `${all.length} numbers on the page`);
  for (const s of all) {
    const at = JSON.stringify(s);
    let truth;
    if (s.sum) {
      const rows = [...read.funnel.values()];
      const total = (metric) => rows.filter((r) => r.metric === metric).reduce((n, r) => n + r.numerator, 0);
      truth = s.field === 'n' ? total(s.sum) : total(s.sum) / total('signup');
    } else {
      const row = read[s.source].get(rowKey(s)) ?? read[s.source].get(rowKey({ metric: s.metric }));
      assert.ok(row, `in the database: ${at}`);
      truth = row[s.field];
    }
    assert.equal(s.value, truth, at);
    if (truth === null) {
      assert.equal(s.text, '–', at);
    } else {
      const { value, within } = asRead(s.text);
      assert.ok(Math.abs(value - truth) <= within, `${at} is ${truth}`);
    }
  }
  return { tab, all };
};

describe('numbers', () => {
  it('are the views\', all of them', async () => {
    const { tab } = await compare('demo', demo, 900);
    // no table cell with a number that does not say where it is from, but for levels and words
    const alone = await tab.evaluate(() => [...document.querySelectorAll('td')].filter((td) => {
      const rest = td.cloneNode(true);
      rest.querySelectorAll('[data-field]').forEach((e) => e.remove());
      return !td.hasAttribute('data-field') && !td.matches('.aim, .text') && /\d/.test(rest.textContent);
    }).map((td) => td.outerHTML));
    assert.deepEqual(alone, []);
    await tab.close();
  });

  it('are those of the pilot and of signals too', async () => {
    const { tab, all } = await compare('stubs', 'pql_report_stubs', 900);
    for (const source of ['scorecard', 'signals']) {
      assert.ok(all.filter((s) => s.source === source).length >= 20, source);
    }
    await tab.close();
  });

  it('of every dashboard and metric that has any are shown', async () => {
    const { tab } = await open('demo');
    const all = await said(tab);
    const shown = new Set(all.map((s) => `${s.source}.${s.metric}`));
    const read = await readAgain(demo);
    const hidden = [];
    for (const [source, rows] of Object.entries(read)) {
      for (const r of rows.values()) {
        const name = `${source}.${r.metric ?? r.signal}`;
        if (r.value !== null && r.grain !== 'day' && !shown.has(name)) {
          hidden.push(name);
        }
      }
    }
    // shown once, where they are another dashboard's
    const elsewhere = ['dispositioned', 'acceptance_rate', 'false_positive_rate', 'reply_rate', 'unsupported']
      .map((metric) => `feedback.${metric}`);
    assert.deepEqual([...new Set(hidden)].filter((name) => !elsewhere.includes(name)), []);
    await tab.close();
  });

  it('are drawn to scale, from 0', async () => {
    const { tab } = await open('demo', { width: 1280 });
    const panels = await tab.evaluate(() => [...document.querySelectorAll('figure.panel')].map((figure) => ({
      id: figure.id,
      dots: [...figure.querySelectorAll('svg circle')].map((c) => Number(c.getAttribute('cy'))),
      tables: [...figure.querySelectorAll('table')].map((t) => [...t.querySelectorAll('tbody td[data-field="value"]')]
        .map((td) => (td.hasAttribute('data-value') ? Number(td.dataset.value) : null)).reverse()),
      marks: [...figure.querySelectorAll('svg text[text-anchor="end"]')].map((t) => [t.textContent,
        Number(/translate\([^ ]+ ([^)]+)\)/.exec(t.getAttribute('transform'))[1])]),
    })));
    let drawn = 0;
    for (const { id, dots, tables, marks } of panels) {
      const zero = marks.find(([text]) => /^0(\u00a0|$)/.test(text));
      assert.ok(zero, `${id} has a mark at 0`);
      if (dots.length === 0) {
        continue;
      }
      const values = tables.flat().filter((v) => v !== null);
      assert.equal(dots.length, values.length, `${id} has a dot for each number`);
      const [text, y] = marks.find(([t]) => t !== zero[0]);
      const perUnit = (zero[1] - y) / (asRead(text).value);
      values.forEach((v, i) => {
        const where = zero[1] - v * perUnit;
        assert.ok(Math.abs(where - dots[i]) < 0.9, `${id}: ${v} is at ${dots[i]}, and should be at ${where}`);
      });
      drawn += values.length;
    }
    assert.ok(drawn > 60, `${drawn} dots`);
    await tab.close();
  });
});

// ---- reading ----

const outline = () => [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]));

// Contrast of all text that can be seen, against what is painted behind it; worked out by the browser's own colours.
const readable = () => {
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const luminance = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      layers.push(rgba(getComputedStyle(e).backgroundColor));
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const ratio = (a, b) => {
    const [dim, bright] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dim + 0.05);
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && e.checkVisibility()) {
      const style = getComputedStyle(e);
      const back = behind(e);
      texts.push({ text: walker.currentNode.data.trim().slice(0, 40),
        ratio: ratio(over(rgba(e instanceof SVGElement ? style.fill : style.color), back), back) });
    }
  }
  const seen = [...document.querySelectorAll('figure svg circle, figure svg polyline')]
    .filter((e) => e.checkVisibility());
  const marks = seen.map((e) => {
    const style = getComputedStyle(e);
    const back = behind(e);
    const color = style.stroke === 'none' ? style.fill : style.stroke;
    return { text: e.outerHTML.slice(0, 60), ratio: ratio(over(rgba(color), back), back) };
  });
  return { texts, marks };
};

// Texts of charts that leave the drawing or touch each other.
const touching = (tab) => tab.evaluate(() => {
  const drawings = [...document.querySelectorAll('figure svg[role]')].filter((svg) => svg.checkVisibility());
  return drawings.flatMap((svg) => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim())
      .map((t) => ({ text: t.textContent, box: t.getBoundingClientRect() }));
    const at = svg.closest('figure').id || svg.getAttribute('aria-label').slice(0, 40);
    const isOut = ({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 2 ||
      box.bottom > frame.bottom + 2;
    const out = texts.filter(isOut).map(({ text }) => `${at}: ${text} leaves the drawing`);
    texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
      const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (wide > 1 && high > 3.5) {
        out.push(`${at}: ${a.text} touches ${b.text}`);
      }
    }));
    return out;
  });
});

describe('the page', () => {
  for (const name of ['demo', 'empty', 'stubs']) {
    it(`needs nothing else and complains of nothing (${name})`, async () => {
      const { tab, complaints } = await open(name);
      await unfold(tab);
      assert.deepEqual(complaints, []);
      assert.doesNotMatch(pages[name], /\b(NaN|undefined|Infinity|null|\[object)\b/);
      assert.doesNotMatch(pages[name], /https?:\/\/(?!elsewhere\.invalid)/);
      const found = await tab.evaluate(() => ({
        scripts: document.querySelectorAll('script, iframe, object, embed, link, img, form').length,
        handlers: [...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())
          .filter((a) => a.startsWith('on')).length,
        policy: document.querySelector('meta[http-equiv="Content-Security-Policy"]').content,
      }));
      const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
      assert.deepEqual(found, { scripts: 0, handlers: 0, policy });
      await tab.close();
    });

    it(`is in order for who does not see it (${name})`, async () => {
      const { tab } = await open(name);
      await unfold(tab);
      const levels = await tab.evaluate(outline);
      assert.equal(levels.filter((l) => l === 1).length, 1);
      assert.equal(levels[0], 1);
      levels.slice(1).forEach((l, i) => assert.ok(l <= levels[i] + 1, `heading ${i} of level ${l} after ${levels[i]}`));
      const wrong = await tab.evaluate(() => {
        const bad = [];
        const must = (ok, what, e) => ok || bad.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
        must(document.documentElement.lang === 'en' && document.title, 'language and title', document.documentElement);
        const each = (what, test) => document.querySelectorAll(what).forEach(test);
        each('figure', (f) => {
          must(f.querySelector('figcaption')?.textContent.trim(), 'figure without a caption', f);
          must(f.querySelector('details table td') || !f.querySelector('[role="img"]'), 'chart without a table', f);
        });
        each('svg', (svg) => must(svg.getAttribute('aria-hidden') === 'true' || svg.getAttribute('role') === 'img' &&
          svg.getAttribute('aria-label').length > 10 && svg.closest('figure'), 'svg without a name', svg));
        each('table', (t) => must(t.caption?.textContent.trim(), 'table without a caption', t));
        each('th', (th) => must(['row', 'col'].includes(th.scope), 'th without a scope', th));
        each('.scroll', (s) => must(s.tabIndex === 0 && s.getAttribute('aria-label'), 'box that scrolls', s));
        each('.status', (s) => must(s.textContent.trim(), 'status by colour alone', s));
        each('a[href^="#"]', (a) => must(document.getElementById(a.hash.slice(1)), 'link to nowhere', a));
        each('section', (s) => must(document.getElementById(s.getAttribute('aria-labelledby')), 'section', s));
        const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
        ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => bad.push(`id twice: ${id}`));
        return bad;
      });
      assert.deepEqual(wrong, []);
      await tab.close();
    });

    for (const scheme of ['light', 'dark']) {
      it(`fits, and can be read (${name}, ${scheme})`, async () => {
        for (const width of widths) {
          const { tab } = await open(name, { width, scheme });
          if (width > 320) {
            await tab.screenshot({ path: join(pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
          }
          const wide = () => tab.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(await wide() <= width, `${await wide()} pixels of ${width}`);
          assert.deepEqual(await touching(tab), [], `at ${width}`);
          await unfold(tab);
          assert.ok(await wide() <= width, `unfolded: ${await wide()} pixels of ${width}`);
          const { texts, marks } = await tab.evaluate(readable);
          assert.ok(texts.length > 100);
          assert.deepEqual(texts.filter((t) => t.ratio < 4.5), [], `at ${width}`);
          assert.deepEqual(marks.filter((t) => t.ratio < 3), [], `at ${width}`);
          const small = await tab.evaluate(() => [...document.querySelectorAll('figure svg text')]
            .filter((t) => t.checkVisibility() && t.getBoundingClientRect().height < 9).length);
          assert.equal(small, 0, `text of charts at ${width}`);
          await tab.close();
        }
      });
    }
  }

  it('prints in black on white, whatever the screen', async () => {
    const { tab } = await open('demo', { width: 688, scheme: 'dark' });
    await tab.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const { texts } = await tab.evaluate(readable);
    assert.deepEqual(texts.filter((t) => t.ratio < 4.5), []);
    const painted = await tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(painted, 'rgb(255, 255, 255)');
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth) <= 688);
    assert.deepEqual(await touching(tab), []);
    const pdf = await tab.pdf({ path: join(pictures, 'demo.pdf'), format: 'A4', preferCSSPageSize: true });
    const leaves = pdf.toString('latin1').match(/\/Type \/Page\b/g).length;
    assert.ok(leaves >= 4 && leaves <= 20, `${leaves} leaves`);
    await tab.close();
  });

  it('is small', () => {
    assert.ok(pages.demo.length < 700_000, `${pages.demo.length} characters`);
  });
});

// ---- what may be in the way ----

describe('names', () => {
  it('may be anything', async () => {
    const { tab, complaints } = await open('stubs');
    const text = await tab.evaluate(() => document.body.textContent);
    for (const name of ['<script>alert("signal")</script>', '<script>alert("acceptance")</script>',
      'autumn </strong><script>alert(1)</script>', '<img src=x onerror=alert(2)>',
      '{b} $& a signal with a name so long', 'Lift over the baseline <script>alert("title")</script>',
      'Tighten the model <b>now</b>']) {
      assert.ok(text.includes(name), name);
    }
    const drawn = await tab.evaluate(() => [...document.querySelectorAll('svg text')].map((t) => t.textContent));
    assert.ok(drawn.some((t) => t.startsWith('<script>alert("signal")')));
    assert.ok(drawn.some((t) => t.startsWith('{b} $& a signal')));
    assert.deepEqual(complaints, []);
    await tab.close();
  });

  it('of a model, too', async () => {
    const { read } = await import('../lib/read.mjs');
    const { page } = await import('../lib/page.mjs');
    process.env.PGDATABASE = demo;
    const text = page({ ...await read(asOf), pipeline: [], model: `</b><script>alert('model')</script>` });
    assert.doesNotMatch(text, /<script/);
    // SQL to copy is quoted as SQL, and then as HTML
    assert.ok(text.includes(
      'pql.start_routing(&#39;&lt;/b&gt;&lt;script&gt;alert(&#39;&#39;model&#39;&#39;)&lt;/script&gt;&#39;)'));
  });
});

describe('a database', () => {
  it('without anything gives what to do, and no error', async () => {
    const { tab } = await open('empty');
    const text = await tab.evaluate(() => document.body.textContent);
    for (const words of ['There are no leads yet', 'pql.start_routing(\'trial\')', 'pql.connect(\'trials\'',
      'pql.connect(\'deals\'', 'pql.start_pilot(', 'pql.set_disposition(', 'CALL pql.refresh()']) {
      assert.ok(text.includes(words), words);
    }
    assert.equal(await tab.evaluate(() => document.querySelectorAll('#glossary dt').length),
      (await sql('pql_report_empty', 'SELECT count(*)::int AS n FROM pql.metric'))[0].n);
    await tab.close();
  });

  it('without surveys, deals or a control arm gives what to do', async () => {
    const has = (text, words) => text.replaceAll('&#39;', "'").replaceAll('&gt;', '>').includes(words);
    assert.ok(has(pages.demo, "pql.connect('surveys'"));
    assert.ok(has(pages.demo, "pql.connect('deals'"));
    assert.ok(!has(pages.demo, 'control_share =>'), 'there is a control arm');
    // before routing there was none
    const { page, code } = report(demo, { args: ['--as-of', '2026-10-04'] });
    assert.equal(code, 0);
    assert.ok(has(page, "pql.start_routing('trial', control_share => 0.1)"));
  });

  it('of an older pql has no pilots and signals yet', async () => {
    const newer = ['pql.pilot_scorecard(text, timestamptz)', 'pql.pilot_decision(text, timestamptz)',
      'pql.signal_outcomes(timestamptz, timestamptz)'];
    const drop = (signature) => `DO $$ BEGIN IF to_regprocedure('${signature}') IS NOT NULL THEN
      ALTER EXTENSION pql DROP FUNCTION ${signature}; DROP FUNCTION ${signature} CASCADE; END IF; END $$`;
    const of = await database('pql_report_old', { scripts: ['CREATE EXTENSION pql', ...newer.map(drop)] });
    const { page, said: words, code } = report(of);
    assert.equal(words, '');
    assert.equal(code, 0);
    assert.match(page, /No pilot has been started/);
  });
});

const refused = ({ page, said: words, code }, pattern, status = 1) => {
  assert.equal(code, status);
  assert.equal(page, '');
  assert.match(words, pattern);
  assert.equal(words.trim().split('\n').length, 1, `one line: ${words}`);
};

describe('the program', () => {
  it('gives the same bytes for the same data and instant', () => {
    assert.equal(report(demo).page, pages.demo);
    const settings = '-c timezone=Asia/Tokyo -c datestyle=German -c extra_float_digits=0';
    const env = { TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8', PGOPTIONS: settings };
    assert.equal(report(demo, { env }).page, pages.demo);
    assert.equal(report(demo, { args: ['--as-of', '2026-11-02'] }).page, pages.demo);
  });

  it('takes an instant as one of the model\'s timezone', async () => {
    const of = await database('pql_report_zone', { scripts: ['CREATE EXTENSION pql',
      `SELECT pql.put_model(jsonb_set(pql.model('trial'), '{timezone}', '"America/New_York"'))`] });
    const { page, code } = report(of, { args: ['--as-of', '2026-11-02 09:30'] });
    assert.equal(code, 0);
    assert.ok(page.includes(
      '<time datetime="2026-11-02T14:30:00Z">2\u00a0November\u00a02026, 09:30 America/New_York</time>'));
  });

  it('looks back', () => {
    const { page, code } = report(demo, { args: ['--as-of', '2026-10-19 12:00'] });
    assert.equal(code, 0);
    assert.match(page, /19\u00a0October\u00a02026, 12:00 UTC/);
    assert.doesNotMatch(page, /26\u00a0Oct\u00a02026/);
  });

  it('tells of now, when not asked', () => {
    const { page, code } = report(demo, { args: [] });
    assert.equal(code, 0);
    assert.match(page, /<h1>/);
  });

  it('writes a file, whole or not at all', () => {
    const file = join(pictures, 'written.html');
    const ran = report(demo, { args: ['--as-of', asOf, '--out', file] });
    assert.deepEqual(ran, { page: '', said: '', code: 0 });
    assert.equal(readFileSync(file, 'utf8'), pages.demo);
    const nowhere = join(pictures, 'no', 'where.html');
    refused(report(demo, { args: ['--as-of', asOf, '--out', nowhere] }), /cannot write .*where\.html/);
  });

  it('says in a line what is in the way, and what to do', async () => {
    refused(report(demo, { env: { PGHOST: '/nowhere' } }), /cannot connect .* Set PGHOST/);
    refused(report('no_such_database'), /"no_such_database" does not exist.* PGDATABASE/);
    refused(report('postgres'), /pql is not installed .*CREATE EXTENSION pql/);
    refused(report(demo, { args: ['--as-of', 'yesterweek'] }), /"yesterweek" is no instant/);
    refused(report(demo, { args: ['--bogus'] }), /--bogus/, 2);
    await sql(demo, 'DROP ROLE IF EXISTS pql_report_nobody', 'CREATE ROLE pql_report_nobody LOGIN');
    refused(report(demo, { env: { PGUSER: 'pql_report_nobody' } }), /permission denied .*GRANT USAGE ON SCHEMA pql/);
    await sql(demo, 'DROP ROLE pql_report_nobody');
  });

  it('needs only to read', async () => {
    const grants = /```sql\n(CREATE ROLE[^]*?)```/.exec(readFileSync(join(here, 'README.md'), 'utf8'))[1];
    const role = 'pql_report_reader';
    const forget = `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
      DROP OWNED BY ${role}; DROP ROLE ${role}; END IF; END $$`;
    await sql(demo, forget, grants.replace(/\bpql_report\b/g, role));
    const ran = report(demo, { env: { PGUSER: role } });
    await sql(demo, forget);
    assert.equal(ran.said, '');
    assert.equal(ran.page, pages.demo);
  });

  it('leaves the database as it was', async () => {
    const count = 'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::text AS n FROM pg_stat_user_tables';
    const [{ n }] = await sql(demo, count);
    report(demo);
    assert.equal((await sql(demo, count))[0].n, n);
  });

  it('says how it is used', () => {
    const { page, code } = report(demo, { args: ['--help'] });
    assert.equal(code, 0);
    assert.match(page, /--as-of INSTANT/);
    assert.ok(readFileSync(join(here, 'report'), 'utf8').includes(page.trim().split('\n').pop().trim()));
  });
});
