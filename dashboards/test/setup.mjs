// What the tests share: databases beside the demo's, the report as somebody would run it, and a browser.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { chromium } from 'playwright-core';

export const here = fileURLToPath(new URL('..', import.meta.url));

// When the four weeks of demo/pilot.sql are over.
export const asOf = '2026-11-02 00:00+00';

// Screenshots and a PDF to look at.
export const pictures = mkdtempSync(join(tmpdir(), 'pql-report-'));

export const connect = async (database) => {
  const client = new pg.Client({ database, types: { getTypeParser: (oid, format) =>
    (oid === 1082 ? String : pg.types.getTypeParser(oid, format)) } });
  await client.connect();
  return client;
};

export const sql = async (database, ...texts) => {
  const client = await connect(database);
  try {
    let result;
    for (const text of texts) {
      result = await client.query(text);
    }
    return result.rows ?? [];
  } finally {
    await client.end();
  }
};

const made = [];

// A database that is gone after the tests.
export const database = async (name, { template, scripts = [] } = {}) => {
  await sql('postgres', `DROP DATABASE IF EXISTS ${name}`,
    `CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`);
  made.push(name);
  if (scripts.length > 0) {
    await sql(name, ...scripts);
  }
  return name;
};

export const dropAll = async () => {
  for (const name of made.splice(0)) {
    await sql('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }
};

export const script = (name) => readFileSync(join(here, 'test', name), 'utf8');

export const report = (of, { args = ['--as-of', asOf], env = {} } = {}) => {
  const ran = spawnSync(join(here, 'report'), args, { encoding: 'utf8', maxBuffer: 1 << 26,
    env: { ...process.env, PGDATABASE: of, ...env } });
  return { page: ran.stdout, said: ran.stderr, code: ran.status };
};

const executable = () => {
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  if (!found) {
    throw new Error('There is no chromium: scripts/install-deps report-test installs it.');
  }
  return found;
};

export const browse = () => chromium.launch({
  executablePath: executable(), args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
