// The command line of dashboards/report.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const fail = (message, code) => {
  process.stderr.write(`report: ${message.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(code);
};

const usage = () => readFileSync(new URL('../report', import.meta.url), 'utf8').split('\n').slice(2, 10)
  .map((line) => line.replace(/^\/\/ ?/, '')).join('\n');

const asked = () => {
  try {
    const options = { 'as-of': { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean', short: 'h' } };
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${error.message} dashboards/report --help says how it is used.`, 2);
  }
};

const load = async () => {
  try {
    const [{ read, Trouble }, { page }] = await Promise.all([import('./read.mjs'), import('./page.mjs')]);
    return { read, Trouble, page };
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') {
      return fail(`${error.message.replace(/ imported from .*/, '')}. Run npm ci in dashboards/ first.`, 1);
    }
    throw error;
  }
};

// Who opens the file meanwhile sees the old page or the new one.
const write = (file, text) => {
  const beside = `${file}.${process.pid}`;
  try {
    writeFileSync(beside, text);
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    fail(`cannot write ${file}: ${error.message}.`, 1);
  }
};

const options = asked();
if (options.help) {
  process.stdout.write(`${usage()}\n`);
} else {
  const { read, Trouble, page } = await load();
  const text = await read(options['as-of'] ?? null).then(page, (error) => {
    if (error instanceof Trouble) {
      fail(error.message, 1);
    }
    throw error;
  });
  if (options.out) {
    write(options.out, text);
  } else {
    // whoever reads may have had enough
    process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
    process.stdout.write(text);
  }
}
