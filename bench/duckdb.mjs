// DuckDB for bench/score, in one process that stays: loads the CSV files of a directory, then answers
// what it is asked on standard input, a line each, with one line:
//
//   time FILE VARIANT           -> ok TAB milliseconds TAB count|sum|sum|count     of the query in FILE; and
//                                  |count|max of qualified_at, where it tells that
//   answers FILE VARIANT OUT    -> ok                                              its rows, as CSV in OUT
//   \q                          ends it
//
// Variants of the events: json (properties as they are), columns (every property asked for as a column of
// its own, extracted when it was loaded), and both as Parquet files.

import { createInterface } from 'node:readline';
import { readFileSync, statSync } from 'node:fs';
import { DuckDBInstance, version } from '@duckdb/node-api';

const directory = process.argv[2];
const file = (name) => `${directory}/${name}`;

const instance = await DuckDBInstance.create(file('duckdb.db'), { threads: '2', memory_limit: '8GB' });
const connection = await instance.connect();
const run = async (sql) => (await connection.runAndReadAll(sql)).getRowsJson();

await run(`SET timezone = 'UTC'`);
await run(`CREATE TABLE users AS
  SELECT user_id, started_at::timestamp AS started_at, first_day::date AS first_day,
    window_ends_at::timestamp AS window_ends_at, first_week::date AS first_week, employees::int AS employees,
    members::int AS members, target_industry = 't' AS target_industry, test_account = 't' AS test_account
  FROM read_csv('${file('users.csv')}', all_varchar = true, header = true)`);
await run(`CREATE TABLE event AS
  SELECT user_id, occurred_at::timestamp AS occurred_at, event, properties::json AS properties
  FROM read_csv('${file('events.csv')}', all_varchar = true, header = true)`);
await run(`CREATE TABLE event_columns AS
  SELECT user_id, occurred_at, event, properties ->> 'page_path' AS page_path,
    properties ->> 'invitee_email' AS invitee_email, properties ->> 'integration_type' AS integration_type,
    properties ->> 'feature' AS feature, (properties ->> 'premium')::boolean AS premium,
    (properties ->> 'external')::boolean AS external, properties ->> 'topic' AS topic
  FROM event`);
await run(`COPY event TO '${file('event.parquet')}' (FORMAT parquet)`);
await run(`COPY event_columns TO '${file('event_columns.parquet')}' (FORMAT parquet)`);
await run('CHECKPOINT');

const variants = {
  json: { event: 'event', columns: false },
  columns: { event: 'event_columns', columns: true },
  parquet: { event: `read_parquet('${file('event.parquet')}')`, columns: false },
  parquet_columns: { event: `read_parquet('${file('event_columns.parquet')}')`, columns: true },
};

const query = (path, variant) => {
  const { event, columns } = variants[variant];
  return readFileSync(path, 'utf8')
    .replaceAll(':event', event)
    .replaceAll(/:text\((\w+)\)/g, columns ? 'e.$1' : "(e.properties ->> '$1')")
    .replaceAll(/:bool\((\w+)\)/g, columns ? 'e.$1' : "((e.properties ->> '$1') = 'true')");
};

const tellsInstant = (sql) => sql.includes('qualified_at');

const commands = {
  async time(path, variant) {
    const inner = query(path, variant);
    const instants = tellsInstant(inner) ? ", count(qualified_at), max(qualified_at)::varchar || '+00'" : '';
    const sql = `SELECT count(*), sum(score), sum(potential), count(tier)${instants} FROM (${inner}) s`;
    const start = performance.now();
    const rows = await run(sql);
    return `\t${(performance.now() - start).toFixed(3)}\t${rows[0].join('|')}`;
  },
  async answers(path, variant, out) {
    const inner = query(path, variant);
    await run(`COPY (SELECT user_id, score, potential, tier${tellsInstant(inner) ? ', qualified_at' : ''} FROM (${inner}) s)
      TO '${out}' (FORMAT csv, HEADER false)`);
    return '';
  },
};

const megabytes = (path) => Math.round(statSync(path).size / 1048576);
console.log(`ok\tDuckDB ${version().replace(/^v/, '')}\tits file of both tables ${megabytes(file('duckdb.db'))} MB, ` +
  `Parquet ${megabytes(file('event.parquet'))} MB and as columns ${megabytes(file('event_columns.parquet'))} MB`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '\\q') break;
  const [command, ...rest] = line.split('\t');
  try {
    console.log(`ok${await commands[command](...rest)}`);
  } catch (error) {
    console.log(`error\t${String(error.message).replaceAll(/\s+/g, ' ')}`);
  }
}
connection.closeSync();
instance.closeSync();
process.exit(); // standard input would keep it waiting
