// Numbers and dates as people write them.

export const nothing = '–';
const space = '\u00a0';
const minus = '\u2212';

// Rounded to a number of digits after the point, with commas; never "-0.0".
export const fixed = (value, digits) => {
  const text = Math.abs(value).toFixed(digits);
  const [whole, rest] = text.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest ? `.${rest}` : '');
  return (value < 0 && Number(text) !== 0 ? minus : '') + grouped;
};

const signed = (value, digits) => {
  const text = fixed(value, digits);
  return value > 0 && Number(Math.abs(value).toFixed(digits)) !== 0 ? `+${text}` : text;
};

// Changes that are a share of something; the others are differences of rates, told in percentage points.
const shares = new Set(['lift', 'sales_cycle_saving', 'expansion_share']);
const isDifference = (metric) => /_(change|gap)$/.test(metric);

const known = (value) => typeof value === 'number' && Number.isFinite(value);

export const number = (value, unit, metric = '') => {
  if (!known(value)) {
    return nothing;
  }
  const sign = isDifference(metric) ? signed : fixed;
  switch (unit) {
    case 'rate':
      return `${fixed(value * 100, 1)}${space}%`;
    case 'change':
      if (metric === 'expansion_share') {
        return `${fixed(value * 100, 1)}${space}%`;
      }
      return shares.has(metric) ? `${signed(value * 100, 1)}${space}%` : `${signed(value * 100, 1)}${space}pp`;
    case 'hours':
      return `${sign(value, 1)}${space}h`;
    case 'days':
      return `${sign(value, 1)}${space}d`;
    case 'minutes':
      return `${sign(value, 1)}${space}min`;
    case 'points':
      return signed(value, 1);
    case 'money':
      return sign(value, 0);
    case 'leads':
    case 'touches':
      return sign(value, 1);
    default:
      return sign(value, Number.isInteger(value) ? 0 : 1);
  }
};

// A level or an axis' mark: the same, without needless digits.
export const short = (value, unit, metric = '') => number(value, unit, metric).replace(/\.0+(?=\D|$)/, '');

export const integer = (value) => (known(value) ? fixed(value, Number.isInteger(value) ? 0 : 1) : nothing);

// What the interval, a range or a fraction is of; the unit once.
export const between = (low, high, unit, metric) => {
  if (!known(low) || !known(high)) {
    return nothing;
  }
  return `${number(low, unit, metric)} to ${number(high, unit, metric)}`;
};

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
  'November', 'December'];

const parts = (date) => date.split('-').map(Number);

export const day = (date) => {
  const [, month, of] = parts(date);
  return `${of}${space}${months[month - 1].slice(0, 3)}`;
};

export const date = (text) => `${day(text)}${space}${parts(text)[0]}`;

export const longDate = (text) => {
  const [year, month, of] = parts(text);
  return `${of}${space}${months[month - 1]}${space}${year}`;
};

export const month = (text) => `${months[parts(text)[1] - 1].slice(0, 3)}${space}${parts(text)[0]}`;

export const year = (text) => parts(text)[0];

export const period = (text, grain) => (grain === 'month' ? month(text) : date(text));
