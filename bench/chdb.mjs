// ClickHouse's engine (chDB) for bench/score, in one process that stays: loads the CSV files of a directory,
// then answers what it is asked on standard input, a line each, with one line:
//
//   time FILE VARIANT           -> ok TAB milliseconds TAB count|sum|sum|count     of the query in FILE
//   answers FILE VARIANT OUT    -> ok                                              its rows, as CSV in OUT
//   \q                          ends it
//
// Variants of the events: text (properties are JSON in a String) and json (the column type JSON, which takes
// them apart when they are loaded). Both are MergeTree tables in the order of time, in one part.

import { createInterface } from 'node:readline';
import { readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'chdb';

const directory = process.argv[2];
const session = new Session(`${directory}/chdb`);
const run = (sql) => String(session.query(sql, 'CSV') ?? '').trim();

run('SET max_threads = 2');
run('CREATE DATABASE bench ENGINE = Atomic');
run('USE bench');
const read = (name, columns) => `file('${directory}/${name}', 'CSVWithNames', '${columns.replaceAll("'", "\\'")}')`;
const userColumns = `user_id String, started_at DateTime64(6, 'UTC'), first_day Date, window_ends_at DateTime64(6, 'UTC'),
  first_week Date, employees Int32, members Int32, target_industry String, test_account String`;
const eventColumns = `user_id String, occurred_at DateTime64(6, 'UTC'), event String, properties String`;
run(`CREATE TABLE users ENGINE = MergeTree ORDER BY user_id AS
  SELECT * REPLACE (target_industry = 't' AS target_industry) FROM ${read('users.csv', userColumns)}`);
for (const [table, type] of [['event_text', 'String'], ['event_json', 'JSON']]) {
  run(`CREATE TABLE ${table} (user_id String, occurred_at DateTime64(6, 'UTC'), event LowCardinality(String),
    properties ${type}) ENGINE = MergeTree ORDER BY occurred_at`);
  run(`INSERT INTO ${table} SELECT user_id, occurred_at, event, properties FROM ${read('events.csv', eventColumns)}`);
  run(`OPTIMIZE TABLE ${table} FINAL`);
}

const property = {
  text: { text: "JSONExtractString(e.properties, '$1')", bool: "JSONExtractBool(e.properties, '$1')" },
  json: { text: "ifNull(e.properties.$1.:String, '')", bool: 'ifNull(e.properties.$1.:Bool, false)' },
};
const query = (path, variant) => readFileSync(path, 'utf8')
  .replaceAll(':event', `event_${variant}`)
  .replaceAll(/:text\((\w+)\)/g, property[variant].text)
  .replaceAll(/:bool\((\w+)\)/g, property[variant].bool);

const known = new Set();
const commands = {
  time(path, variant) {
    const sql = `SELECT count(*), sum(score), sum(potential), count(tier) FROM (${query(path, variant)}) s`;
    if (!known.has(sql)) {
      // a query is compiled when it comes for the fourth time
      for (let n = 0; n < 4; n++) run(sql);
      known.add(sql);
    }
    const start = performance.now();
    const row = run(sql);
    return `\t${(performance.now() - start).toFixed(3)}\t${row.replaceAll(',', '|')}`;
  },
  answers(path, variant, out) {
    const rows = run(`SELECT user_id, score, potential, ifNull(tier, '') FROM (${query(path, variant)}) s`);
    writeFileSync(out, `${rows.replaceAll('""', '')}\n`);
    return '';
  },
};

const megabytes = (table) => run(`SELECT round(total_bytes / 1048576) FROM system.tables WHERE name = '${table}'`);
console.log(`ok\tchDB (ClickHouse ${run('SELECT version()').replaceAll('"', '')})\t` +
  `events as text ${megabytes('event_text')} MB, with type JSON ${megabytes('event_json')} MB`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '\\q') break;
  const [command, ...rest] = line.split('\t');
  try {
    console.log(`ok${commands[command](...rest)}`);
  } catch (error) {
    console.log(`error\t${String(error.message).replaceAll(/\s+/g, ' ')}`);
  }
}
session.close();
process.exit(); // standard input would keep it waiting
