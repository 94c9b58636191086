// What was read, as sections ask for it.

// What a chart shows at most; tables beside it show as many.
export const weeksShown = 26;

export const hasValue = (r) => Boolean(r) && r.value !== null && Number.isFinite(r.value);

export const ever = (rows) => rows.some(hasValue);

const levels = ['target', 'target_high', 'minimum', 'breach'];

export const isJudged = (r) => levels.some((level) => r[level] !== null && r[level] !== undefined);

// The last period that was over; where none has a number, the one under way.
export const latest = (rows) => {
  const newestFirst = [...rows].reverse();
  return newestFirst.find((r) => r.complete && hasValue(r)) ?? newestFirst.find(hasValue);
};

export const of = (data, source, metric, grain = 'week') =>
  data[source].filter((r) => r.metric === metric && r.grain === grain);

export const weekly = (data, source, metric) => of(data, source, metric).slice(-weeksShown);

export const entry = (data, source, metric) =>
  data.catalogue.find((m) => m.dashboard === source && m.metric === metric);

// From the first to the last period of which there is anything to tell.
export const trimmed = (lists) => {
  const told = lists[0].map((r, i) => lists.some((rows) => hasValue(rows[i])));
  return lists.map((rows) => rows.slice(told.indexOf(true), told.lastIndexOf(true) + 1));
};

// A string of SQL, for what people are to run.
export const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

export const modelOf = (data) => quoted(data.model ?? 'trial');
