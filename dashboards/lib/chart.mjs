// Charts as SVG, drawn by ECharts without a browser. Colours are the page's custom properties, so that one drawing
// serves light, dark and print. Rates, counts and times begin at 0.

import * as echarts from 'echarts/core';
import { BarChart, CustomChart, LineChart } from 'echarts/charts';
import { GraphicComponent, GridComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';
import { escape, raw } from './html.mjs';
import { day, integer, number, short, year } from './format.mjs';

echarts.use([BarChart, CustomChart, LineChart, GraphicComponent, GridComponent, SVGRenderer]);

const ink = 'var(--ink)';
const muted = 'var(--muted)';
const fontSize = 12;
const lineHeight = 15;

// ---- drawing ----

let drawings = 0;

// What only serves scripts is left out; ids are counted from the first drawing on, so that pages repeat.
const tidy = (svg, label, width, height) => {
  drawings += 1;
  return svg
    .replace(/^<svg[^>]*>/, () => `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(label)}">`)
    .replace(/<style\s*>[^]*?<\/style>/g, '')
    .replace(/<rect [^>]*fill="none"[^>]*><\/rect>/g, '')
    .replace(/<path [^>]*fill="none"(?! stroke)[^>]*><\/path>\n?/g, (path) => (path.includes('stroke=') ? path : ''))
    .replace(/\d+\.\d{2,}/g, (n) => String(Number(Number(n).toFixed(1))))
    .replace(/ (class|pointer-events|xml:space|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/font-family:inherit;?/g, '')
    .replace(/\bzr\d+-/g, `d${drawings}-`)
    .replace(/<(path|rect|circle|line|polyline)([^>]*)><\/\1>/g, '<$1$2/>')
    .replace(/<defs\s*>\s*<\/defs>/g, '')
    .replace(/\n+/g, '\n');
};

const draw = (option, { width, height, label }) => {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: 'inherit', fontSize, color: muted }, ...option });
    return raw(tidy(chart.renderToSVGString(), label, width, height));
  } finally {
    chart.dispose();
  }
};

export const startAnew = () => {
  drawings = 0;
};

// ---- scales ----

// Few round marks from low (0, or below where there is less) to what has to fit.
const scale = (values, { most = Infinity, marks = 4, whole = false } = {}) => {
  const known = values.filter((v) => typeof v === 'number' && Number.isFinite(v));
  const high = Math.max(0, ...known);
  const low = Math.min(0, ...known);
  const span = high - low || (most === 1 ? 0.1 : 1);
  const power = 10 ** Math.floor(Math.log10(span / marks));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power)
    .find((s) => span / s <= marks + 1e-9 && (!whole || Number.isInteger(s))) ?? 10 * power;
  const up = Math.max(Math.ceil(high / step - 1e-9), low < 0 ? 0 : 1) * step;
  const tidyUp = (v) => Number(v.toPrecision(12));
  const max = up > most ? most : up;
  // 100 % is the end, be it a round step away or not
  return { min: tidyUp(Math.floor(low / step + 1e-9) * step), max: tidyUp(max), step: tidyUp(step) };
};

// A few intervals of hardly anybody would flatten all the others: those that reach far beyond run off the edge.
const fitting = (rows, levels) => {
  const values = rows.map((r) => r.value).filter(Number.isFinite);
  const far = 2.2 * Math.max(...values.map(Math.abs), ...levels.filter(Number.isFinite).map(Math.abs));
  const ends = rows.flatMap((r) => [r.low, r.high]).filter((v) => v !== null && Number.isFinite(v));
  const near = ends.filter((v) => Math.abs(v) <= far);
  return ends.length - near.length <= ends.length / 8 ? [...values, ...near] : [...values, ...ends];
};

const frame = ({ width, height, left, right, top, bottom, n, min, max }) => ({
  left, top, right: width - right, bottom: height - bottom, width: width - left - right, height: height - top - bottom,
  x: (i) => left + ((i + 0.5) * (width - left - right)) / n,
  y: (v) => top + ((max - v) / (max - min)) * (height - top - bottom),
  band: (width - left - right) / n,
});

// ECharts would else move its axes to make room for what it takes labels to need.
const inside = (at, width, height) => ({ left: at.left, right: width - at.right, top: at.top,
  bottom: height - at.bottom, outerBoundsMode: 'none' });

// Labels where they belong, or as near as they do not touch.
const spread = (labels, top, bottom) => {
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  sorted.forEach((label, i) => {
    label.y = Math.max(label.y, top, i ? sorted[i - 1].y + lineHeight : top);
  });
  [...sorted].reverse().forEach((label, i, all) => {
    label.y = Math.min(label.y, i ? all[i - 1].y - lineHeight : bottom);
  });
  return sorted;
};

const words = (text, x, y, { fill = ink, align = 'left', weight = 'normal' } = {}) => ({
  type: 'text', silent: true, z: 10,
  style: { text, x, y, fill, align, verticalAlign: 'middle', fontSize, fontWeight: weight, fontFamily: 'inherit' },
});

const line = (x1, y1, x2, y2, { stroke, width = 1, dash } = {}) => ({
  type: 'line', silent: true, z: 1, shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth: width, lineDash: dash },
});

const box = (x, y, width, height, fill, r = 0) => ({
  type: 'rect', silent: true, z: 0, shape: { x, y, width, height, r }, style: { fill },
});

// ---- axes ----

const weeks = (periods, at) => {
  const n = periods.length;
  const every = Math.ceil(54 / at.band);
  const shown = (i) => (n - 1 - i) % every === 0;
  const years = new Set(periods.map(year)).size > 1;
  let last;
  const labels = periods.map((p, i) => {
    if (!shown(i)) {
      return '';
    }
    const text = years && year(p) !== last ? `${day(p)}\n${year(p)}` : day(p);
    last = year(p);
    return text;
  });
  return {
    type: 'category', data: periods, silent: true, axisTick: { show: false },
    axisLine: { onZero: false, lineStyle: { color: 'var(--axis)' } },
    axisLabel: { color: muted, interval: shown, formatter: (value, i) => labels[i], margin: 8, lineHeight: 14,
      verticalAlign: 'top' },
  };
};

const values = ({ min, max, step }, unit, metric) => ({
  type: 'value', min, max, interval: step, silent: true,
  axisLabel: { color: muted, margin: 6, formatter: (v) => (v > max ? '' : short(v, unit, metric)),
    // where two would touch, as at the end of a scale that ends between two marks
    hideOverlap: true },
  splitLine: { lineStyle: { color: 'var(--grid)' } }, axisLine: { show: false }, axisTick: { show: false },
});

const bottomOf = (periods) => (new Set(periods.map(year)).size > 1 ? 38 : 24);

// ---- levels ----

// Target, minimum and breach as lines (steps, where they differ from week to week), a range as a band.
const levelsOf = (rows) => {
  const last = [...rows].reverse().find((r) => r && r.complete) ?? [...rows].reverse().find(Boolean);
  return last ? { target: last.target, high: last.target_high, minimum: last.minimum, breach: last.breach } : {};
};

const levelStyle = {
  target: { stroke: 'var(--target)', width: 1.5 },
  minimum: { stroke: 'var(--minimum)', width: 1.25, dash: [6, 3] },
  breach: { stroke: 'var(--breach)', width: 1.25, dash: [1.5, 2.5] },
};

const steps = (rows, key, at, style) => {
  const out = [];
  let from = null;
  rows.forEach((r, i) => {
    const value = r?.[key] ?? null;
    const next = rows[i + 1]?.[key] ?? null;
    if (value === null) {
      return;
    }
    from ??= i;
    if (next !== value) {
      out.push(line(at.x(from) - at.band / 2, at.y(value), at.x(i) + at.band / 2, at.y(value), style));
      from = null;
    }
  });
  return out;
};

const isLevel = (v) => v !== null && v !== undefined;

// What stands beside the lines, to their right.
const levelTexts = (levels, unit, metric) => {
  const texts = [];
  const said = (v) => short(v, unit, metric);
  const add = (key, value, text) => texts.push({ value, text, fill: `var(--${key}-ink)` });
  if (isLevel(levels.target) && isLevel(levels.high)) {
    // the unit and the sign once
    const low = said(levels.target).replace(/\s\S+$/, '');
    const high = said(levels.high).replace(/^\+/, '');
    add('target', (levels.target + levels.high) / 2, `target ${low}–${high}`);
  } else if (isLevel(levels.target)) {
    add('target', levels.target, `target ${said(levels.target)}`);
  }
  for (const key of ['minimum', 'breach']) {
    const same = texts.find((l) => l.value === levels[key]);
    if (same) {
      same.text = `min, breach ${said(levels[key])}`;
    } else if (isLevel(levels[key])) {
      add(key, levels[key], `${key === 'minimum' ? 'min' : key} ${said(levels[key])}`);
    }
  }
  return texts;
};

const roomFor = (texts) => Math.max(24, 10 + 7.3 * Math.max(...texts.map((t) => t.length)));

const bands = (rows, at) => {
  const out = [];
  rows.forEach((r, i) => {
    if (!r || !isLevel(r.target) || !isLevel(r.target_high)) {
      return;
    }
    const last = out[out.length - 1];
    if (last && last.to === i - 1 && last.low === r.target && last.high === r.target_high) {
      last.to = i;
    } else {
      out.push({ from: i, to: i, low: r.target, high: r.target_high });
    }
  });
  return out.map(({ from, to, low, high }) =>
    box(at.x(from) - at.band / 2, at.y(high), (to - from + 1) * at.band, at.y(low) - at.y(high), 'var(--band)'));
};

const levelLines = (rows, at, unit, metric) => {
  const levels = levelsOf(rows);
  const lines = ['target', 'minimum', 'breach'].filter((key) => key !== 'target' || !isLevel(levels.high));
  return {
    graphics: [...bands(rows, at), ...lines.flatMap((key) => steps(rows, key, at, levelStyle[key]))],
    labels: levelTexts(levels, unit, metric).map((l) => ({ ...l, y: at.y(l.value) })),
  };
};

// ---- weekly charts ----

const valueOf = (r) => (r && Number.isFinite(r.value) ? r.value : null);

const interval = (data, at, color, width) => ({
  type: 'custom', silent: true, z: 2, clip: false, data: data.map(([i, low]) => [i, low]),
  renderItem: (params) => {
    const [i, low, high, shift, above, below] = data[params.dataIndex];
    const y = at.y(high);
    const upper = above ? 0 : width / 2;
    const lower = below ? 0 : width / 2;
    const height = Math.max(at.y(low) - y, 1);
    return { type: 'rect', silent: true, style: { fill: color },
      shape: { x: at.x(i) + shift - width / 2, y, width, height, r: [upper, upper, lower, lower] } };
  },
});

const pixels = (points, color, size) => ({
  type: 'custom', silent: true, z: 4, clip: false, data: points.map((p) => [p.x, p.y]),
  renderItem: (params) => {
    const p = points[params.dataIndex];
    return { type: 'circle', silent: true, shape: { cx: p.x, cy: p.y, r: size / 2 },
      style: p.hollow ? { fill: 'var(--card)', stroke: color, lineWidth: 1.75 } : { fill: color } };
  },
});

const thread = (points, color) => {
  const runs = [];
  points.forEach((p, i) => {
    if (p && points[i - 1]) {
      runs[runs.length - 1].push([p.x, p.y]);
    } else if (p) {
      runs.push([[p.x, p.y]]);
    }
  });
  return runs.filter((run) => run.length > 1).map((run) => ({
    type: 'polyline', silent: true, z: 3, shape: { points: run },
    style: { stroke: color, lineWidth: 1.5, fill: 'none' },
  }));
};

// One metric by week, or a few of the same unit beside each other: dots with their 95 % intervals, or bars of counts.
// A period that is not over is hollow.
export const weekly = ({ periods, series, unit, metric, label, width, height, bars = false, named = false }) => {
  const all = series.flatMap((s) => s.rows.filter(Boolean));
  const most = unit === 'rate' ? 1 : Infinity;
  const levels = levelsOf(series[0].rows);
  const aims = [levels.target, levels.minimum, levels.breach, ...series[0].rows.map((r) => r?.target_high)];
  const axis = scale([...fitting(all, aims), ...aims], { most, whole: unit === 'count' });
  const longest = Math.max(...[axis.min, axis.max, axis.max - axis.step].map((v) => short(v, unit, metric).length));
  const beside = [...levelTexts(levels, unit, metric).map((l) => l.text),
    ...series.map((s) => (named ? s.name : ''))];
  const at = frame({ width, height, left: 12 + 7.6 * longest, right: roomFor(beside), top: 10,
    bottom: bottomOf(periods), n: periods.length, min: axis.min, max: axis.max });
  const option = { series: [], grid: inside(at, width, height), xAxis: weeks(periods, at),
    yAxis: values(axis, unit, metric) };
  const level = levelLines(series[0].rows, at, unit, metric);
  const graphics = [...level.graphics];
  const labels = [...level.labels];
  const apart = Math.min(at.band / (series.length + 0.5), 13);
  const thick = Math.max(3, Math.min(8, (series.length > 1 ? apart : at.band) * 0.55));
  series.forEach((s, k) => {
    const shift = (k - (series.length - 1) / 2) * apart;
    if (bars) {
      option.series.push({ type: 'bar', silent: true, z: 2, barWidth: Math.min(0.64 * at.band, 34),
        data: s.rows.map((r) => ({ value: valueOf(r), itemStyle: r && !r.complete
          ? { color: 'var(--card)', borderColor: s.color, borderWidth: 1.25 } : { color: s.color } })) });
      return;
    }
    const points = s.rows.map((r, i) => (valueOf(r) === null ? null
      : { x: at.x(i) + shift, y: at.y(r.value), hollow: !r.complete && r.grain !== 'all' }));
    option.series.push(interval(s.rows.flatMap((r, i) => (valueOf(r) !== null && r.low !== null && r.high !== null
      ? [[i, Math.max(r.low, axis.min), Math.min(r.high, axis.max), shift, r.high > axis.max, r.low < axis.min]] : [])),
    at, s.soft, thick));
    graphics.push(...thread(points, s.color));
    option.series.push(pixels(points.filter(Boolean), s.color, periods.length > 30 ? 5 : 7));
    const last = [...points].reverse().find(Boolean);
    if (named && last) {
      labels.push({ y: last.y, text: s.name, fill: s.ink, weight: 600 });
    }
  });
  if (axis.min < 0 && axis.max >= 0) {
    graphics.push(line(at.left, at.y(0), at.right, at.y(0), { stroke: 'var(--axis)' }));
  }
  spread(labels, at.top, at.bottom).forEach((l) => graphics.push(words(l.text, at.right + 6, l.y, l)));
  return draw({ ...option, graphic: graphics }, { width, height, label });
};

// Counts by week, one upon the other, with how many in all above them.
export const stacked = ({ periods, series, totals, unit, metric, label, width, height }) => {
  const sum = periods.map((p, i) => series.reduce((n, s) => n + (valueOf(s.rows[i]) ?? 0), 0));
  const axis = scale([...sum, ...totals.flatMap((r) => [r?.target_high])], { whole: true });
  const longest = short(axis.max, unit, metric).length;
  const beside = levelTexts(levelsOf(totals), unit, metric).map((l) => l.text);
  const at = frame({ width, height, left: 12 + 7.6 * longest, right: roomFor(['', ...beside]), top: 22,
    bottom: bottomOf(periods), n: periods.length, min: 0, max: axis.max });
  const level = levelLines(totals, at, unit, metric);
  const graphics = [...level.graphics];
  spread(level.labels, at.top, at.bottom).forEach((l) => graphics.push(words(l.text, at.right + 6, l.y, l)));
  if (at.band >= 26) {
    sum.forEach((n, i) => {
      if (n > 0) {
        graphics.push(words(integer(n), at.x(i), at.y(n) - 9, { align: 'center', weight: 600 }));
      }
    });
  }
  return draw({
    grid: inside(at, width, height), xAxis: weeks(periods, at), yAxis: values(axis, unit, metric), graphic: graphics,
    series: series.map((s) => ({ type: 'bar', stack: 'all', silent: true, z: 2, barWidth: Math.min(0.6 * at.band, 60),
      data: s.rows.map((r) => ({ value: valueOf(r),
        itemStyle: { color: s.color, opacity: r && !r.complete ? 0.45 : 1 } })) })),
  }, { width, height, label });
};

// ---- rows ----

const shortened = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name).replace(/\s+/g, ' ');

// A value with its interval in each row, all on one scale from 0; its name and numbers above it.
export const rows = ({ items, unit, metric, label, width }) => {
  const each = 46;
  const height = items.length * each + 30;
  const axis = scale(items.flatMap((r) => [r.value, r.low, r.high, r.target, r.minimum, r.breach]),
    { most: unit === 'rate' ? 1 : Infinity, marks: width < 500 ? 4 : 8 });
  const left = 16;
  const right = 20;
  const span = width - left - right;
  const x = (v) => left + ((Math.min(v, axis.max) - axis.min) / (axis.max - axis.min)) * span;
  const graphics = [];
  items.forEach((r, i) => {
    const y = i * each + 34;
    graphics.push(words(shortened(r.name, Math.floor((width - 130) / 7.5)), left, y - 19, { weight: 600 }));
    graphics.push(words(r.note, width - right, y - 19, { align: 'right', fill: muted }));
    graphics.push(line(left, y, width - right, y, { stroke: 'var(--grid)' }));
    for (const key of ['target', 'minimum', 'breach']) {
      if (r[key] !== null && r[key] !== undefined) {
        graphics.push({ ...line(x(r[key]), y - 9, x(r[key]), y + 9, { ...levelStyle[key], width: 2 }), z: 3 });
      }
    }
    if (Number.isFinite(r.low) && Number.isFinite(r.high) && r.low !== null) {
      const span95 = Math.max(x(r.high) - x(r.low), 1);
      graphics.push({ ...box(x(r.low), y - 4, span95, 8, r.soft ?? 'var(--a-soft)', 4), z: 2 });
    }
    if (r.value !== null && Number.isFinite(r.value)) {
      graphics.push({ type: 'circle', silent: true, z: 4, shape: { cx: x(r.value), cy: y, r: 4.5 },
        style: { fill: r.color ?? 'var(--a)' } });
    }
  });
  return draw({
    grid: { left, right, top: 12, bottom: 26, outerBoundsMode: 'none' }, graphic: graphics,
    xAxis: { ...values(axis, unit, metric), axisLabel: { ...values(axis, unit, metric).axisLabel, align: 'center' } },
    yAxis: { type: 'category', data: items.map((r, i) => String(i)), show: false }, series: [],
  }, { width, height, label });
};

// Shares of a whole, longest first: bars that begin at one line.
export const funnel = ({ items, label, width }) => {
  const each = 36;
  const height = items.length * each + 8;
  const left = 92;
  const right = 112;
  const span = width - left - right;
  const graphics = [];
  items.forEach((r, i) => {
    const y = 4 + (i + 0.5) * each;
    const share = Number.isFinite(r.share) ? r.share : 0;
    graphics.push(words(shortened(r.name, 11), left - 8, y, { align: 'right' }));
    graphics.push(words(`${integer(r.n)} · ${number(r.share, 'rate')}`, left + share * span + 8, y, { weight: 600 }));
  });
  return draw({
    grid: { left, right, top: 4, bottom: 4, outerBoundsMode: 'none' }, graphic: graphics,
    xAxis: { type: 'value', min: 0, max: 1, show: false },
    yAxis: { type: 'category', inverse: true, data: items.map((r, i) => String(i)), axisTick: { show: false },
      axisLabel: { show: false }, axisLine: { lineStyle: { color: 'var(--axis)' } } },
    series: [{ type: 'bar', silent: true, barWidth: '62%', data: items.map((r) => r.share ?? 0),
      itemStyle: { color: 'var(--a)' } }],
  }, { width, height, label });
};

// ---- a line as large as a word ----

export const spark = ({ rows: of, unit, metric, label }) => {
  const width = 132;
  const height = 44;
  const levels = levelsOf(of);
  const axis = scale([...of.map(valueOf), levels.target, levels.high], { most: unit === 'rate' ? 1 : Infinity });
  const at = frame({ width, height, left: 4, right: 6, top: 6, bottom: 4, n: of.length, min: axis.min, max: axis.max });
  const graphics = [line(at.left, at.y(0), at.right, at.y(0), { stroke: 'var(--axis)' })];
  graphics.push(...levelLines(of, at, unit, metric).graphics.filter((g) => g.type === 'rect' ||
    g.style.stroke === 'var(--target)'));
  const points = of.map((r, i) => (valueOf(r) === null ? null : { x: at.x(i), y: at.y(r.value), hollow: !r.complete }));
  graphics.push(...thread(points, 'var(--a)'));
  const shown = points.filter(Boolean);
  return draw({
    grid: inside(at, width, height), graphic: graphics,
    xAxis: { type: 'category', data: of.map((r, i) => String(i)), show: false },
    yAxis: { type: 'value', min: axis.min, max: axis.max, show: false },
    series: [pixels(shown.slice(-1), 'var(--a)', 6)],
  }, { width, height, label });
};
