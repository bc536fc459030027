import { Readable } from 'node:stream';

import { expect, it } from 'vitest';

import { formFields } from '../src/form-fields.ts';

/** As `@fastify/multipart` attaches the parts of a form to the body: each with all of them, itself too. */
function attached(fields: Record<string, object>): Record<string, object> {
  for (const [fieldname, part] of Object.entries(fields)) Object.assign(part, { fieldname, fields });
  return fields;
}

it('parts that know each other are the values of their fields, and files are cut', () => {
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

it('texts, lists and names with brackets stay; whatever else a parser put there is a file', () => {
  class Upload {}
  const user = Object.assign(Object.create(null) as object, { card: '4111' });
  const fields = { title: 'holiday', tags: ['a', 'b'], user, nested: { deep: { er: 'x' } }, empty: null };
  const files = { bytes: Buffer.from('content'), upload: new Upload(), stream: Readable.from([]) };
  expect(formFields({ ...fields, ...files })).toEqual({ ...fields, bytes: '[cut]', upload: '[cut]', stream: '[cut]' });
});

it('a field that is called as a part is one is a field', () => {
  expect(formFields({ fieldname: 'x', fields: 'y', address: { fieldname: 'street', value: 'z' } })).toEqual({
    fieldname: 'x',
    fields: 'y',
    address: { fieldname: 'street', value: 'z' },
  });
});
