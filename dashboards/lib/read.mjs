// What the report shows, read in one snapshot of the database. Nothing is reckoned here: every number is pql's.

import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import pg from 'pg';

// A mistake that whoever runs the report can mend: told in one line.
export class Trouble extends Error {}

const row = `grain, period, metric, value, numerator, denominator, target, status, low, high, target_high, minimum,
  breach, complete, title, unit`;

const dashboards = ['pipeline', 'conversion', 'guardrails', 'playbook', 'feedback'];

// Dates stay as they are written: a day has no timezone.
const dateOid = 1082;
const types = { getTypeParser: (oid, format) => (oid === dateOid ? String : pg.types.getTypeParser(oid, format)) };

const settings = () => {
  const socket = '/var/run/postgresql';
  return {
    // as libpq does without PGHOST and PGUSER
    host: process.env.PGHOST || (existsSync(socket) ? socket : 'localhost'),
    user: process.env.PGUSER || userInfo().username,
    database: process.env.PGDATABASE || process.env.PGUSER || userInfo().username,
    application_name: process.env.PGAPPNAME || 'pql report',
    connectionTimeoutMillis: 1000 * (Number(process.env.PGCONNECT_TIMEOUT) || 10),
    types,
  };
};

const where = ({ host, database }) => `database "${database}" at ${host}${host.startsWith('/') ? '' :
  `:${process.env.PGPORT || 5432}`}`;

const connect = async () => {
  const of = settings();
  const client = new pg.Client(of);
  // a server that goes away is told of by the query that was waiting for it
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new Trouble(`cannot connect to ${where(of)}: ${error.message || error.code}. ` +
      'Set PGHOST, PGPORT, PGDATABASE and PGUSER, as for psql.');
  }
  return { client, place: where(of) };
};

const explain = (error, place) => {
  switch (error.code) {
    case '42501':
      return new Trouble(`${error.message}. ` +
        'GRANT USAGE ON SCHEMA pql, and SELECT on its tables, to who makes the report.');
    case '42883':
    case '42P01':
    case '42703':
      return new Trouble(`${error.message}: pql in ${place} is of another version than this report. ` +
        'ALTER EXTENSION pql UPDATE;');
    default:
      return error.code ? new Trouble(`${place}: ${error.message}.`) : error;
  }
};

const readAll = async (query, asOf, place) => {
  const one = async (sql, values) => (await query(sql, values))[0];
  if (!await one(`SELECT FROM pg_extension WHERE extname = 'pql'`)) {
    throw new Trouble(`pql is not installed in ${place}. CREATE EXTENSION pql; there, or set PGDATABASE.`);
  }
  // Whatever the settings are, the page is the same.
  await query(`SELECT set_config('datestyle', 'ISO, YMD', true), set_config('extra_float_digits', '1', true)`);
  const reporting = await one('SELECT model, timezone, since::text AS since FROM pql.reporting()') ??
    { model: null, timezone: 'UTC', since: null };
  // An instant without a timezone is one of the model's.
  await query(`SELECT set_config('timezone', $1, true)`, [reporting.timezone]);
  let at;
  try {
    at = (await one(`SELECT coalesce($1::timestamptz, now())::text AS at`, [asOf])).at;
  } catch (error) {
    throw new Trouble(`--as-of "${asOf}" is no instant: ${error.message}. ` +
      'Write it as 2026-11-02 or "2026-11-02 08:00+00".');
  }
  const head = await one(`SELECT to_char($1::timestamptz, 'YYYY-MM-DD') AS day,
      to_char($1::timestamptz, 'HH24:MI') AS clock,
      to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS instant,
      to_char($1::timestamptz - interval '1 microsecond', 'YYYY-MM-DD') AS begun,
      to_char($2::timestamptz, 'YYYY-MM-DD') AS since`, [at, reporting.since]);
  const data = { model: reporting.model, timezone: reporting.timezone, ...head };

  for (const name of dashboards) {
    data[name] = await query(`SELECT ${row} FROM pql.dashboard_${name}_at($1::timestamptz) WHERE grain <> 'day'`, [at]);
  }
  data.funnel = await query(`SELECT grain, period, metric, value, numerator, denominator, target, status, low, high,
      median_days, mean_days, title FROM pql.cohort_funnel_at($1::timestamptz)`, [at]);
  data.catalogue = await query(`SELECT metric, dashboard, position, title, definition, formula, unit, direction, target,
      target_high, minimum, breach, section FROM pql.metric ORDER BY dashboard, position`);

  // Older versions of pql have none of these.
  const optional = async (signature, sql, values) =>
    ((await one('SELECT to_regprocedure($1) AS found', [signature])).found ? query(sql, values) : []);
  data.scorecard = await optional('pql.pilot_scorecard(text, timestamptz)',
    'SELECT * FROM pql.pilot_scorecard(NULL, $1::timestamptz)', [at]);
  data.decision = (await optional('pql.pilot_decision(text, timestamptz)',
    'SELECT * FROM pql.pilot_decision(NULL, $1::timestamptz)', [at]))[0] ?? null;
  data.signals = await optional('pql.signal_outcomes(timestamptz, timestamptz)',
    'SELECT * FROM pql.signal_outcomes($1::timestamptz)', [at]);
  return data;
};

export const read = async (asOf) => {
  const { client, place } = await connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await readAll(async (sql, values) => (await client.query(sql, values)).rows, asOf, place);
  } catch (error) {
    throw explain(error, place);
  } finally {
    await client.end().catch(() => {});
  }
};
