// HTML by template literals in which everything that is not HTML already is escaped: what comes from the database
// may be called anything.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export const escape = (text) => String(text).replace(/[&<>"']/g, (c) => escapes[c]);

class Html {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

export const raw = (text) => new Html(text);

const write = (value) => {
  if (value === null || value === undefined || value === false) {
    return '';
  }
  if (Array.isArray(value)) {
    return value.map(write).join('');
  }
  return value instanceof Html ? value.text : escape(value);
};

export const html = (strings, ...values) =>
  new Html(strings.reduce((text, string, i) => text + write(values[i - 1]) + string));

// Attributes by name; those without a value are left out.
export const attributes = (of) =>
  raw(Object.entries(of)
    .filter(([, value]) => value !== null && value !== undefined && value !== false)
    .map(([name, value]) => ` ${name}="${escape(value === true ? '' : value)}"`)
    .join(''));
