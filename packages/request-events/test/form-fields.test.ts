import { Readable } from 'node:stream';

import { expect, it } from 'vitest';

import { formFields } from '../src/form-fields.ts';

/** The form parts that `@fastify/multipart` attaches to a body: each refers to all of them, itself included. */
function attached(fields: Record<string, object>): Record<string, object> {
  for (const [fieldname, part] of Object.entries(fields)) Object.assign(part, { fieldname, fields });
  return fields;
}

it('parts that refer to each other become the values of their fields, and files are cut', () => {
  const file = Readable.from(['content']);
  const body = attached({
    title: { type: 'field', value: 'holiday', mimetype: 'text/plain' },
    answers: { type: 'field', value: { a: 1 }, mimetype: 'application/json' },
    photo: { type: 'file', filename: 'me.jpg', file, toBuffer: () => {} },
  });
  expect(formFields({ ...body, tags: [body.title, body.title] })).toEqual({
    title: 'holiday',
    answers: { a: 1 },
    photo: '[cut]',
    tags: ['holiday', 'holiday'],
  });
});

it('texts, lists and names with brackets stay; any other object from a parser is a file', () => {
  class Upload {}
  const user = Object.assign(Object.create(null) as object, { card: '4111' });
  const fields = { title: 'holiday', tags: ['a', 'b'], user, nested: { deep: { er: 'x' } }, empty: null };
  const files = { bytes: Buffer.from('content'), upload: new Upload(), stream: Readable.from([]) };
  expect(formFields({ ...fields, ...files })).toEqual({ ...fields, bytes: '[cut]', upload: '[cut]', stream: '[cut]' });
});

it('a field named like a part is a field', () => {
  expect(formFields({ fieldname: 'x', fields: 'y', address: { fieldname: 'street', value: 'z' } })).toEqual({
    fieldname: 'x',
    fields: 'y',
    address: { fieldname: 'street', value: 'z' },
  });
});
