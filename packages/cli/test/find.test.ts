import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
beforeAll(async () => {
  kit = await openKit();
  const rejected = JSON.stringify({ source: 'depot', event_type: 'parcel.seen', payload: { code: 'lost' } });
  await runPik('ingest', fileOf(`${eventText()}\n${rejected}\n`), ...at());
});
afterAll(() => kit.close());

const at = () => ['--url', kit.url];

describe('pik find', () => {
  it('prints each match in a line, the last stored first, and how much was searched', async () => {
    const { code, stdout } = await runPik('find', ...at());
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/ {2}FIELD_MISSING {2}depot {2}parcel\.seen {2}–? {2}\S+\/1$/);
    expect(lines[1]).toMatch(/ {2}ACCEPTED {2}.* {2}parcel-1 {2}\S{47}$/);
    expect(lines[2]).toBe('2 matches in 2 receipts of 1 pack');
  });

  it('needs all expressions to match, and says how to get the earlier ones', async () => {
    const both = await runPik('find', 'source=depot', 'payload.code=lost or payload.code=found', '--json', ...at());
    expect(
      both.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).reject_code),
    ).toEqual(['FIELD_MISSING']);
    const first = await runPik('find', '--limit', '1', '--include', 'body', ...at());
    expect(first.stdout).toMatch(/^ {4}\{.*"source":"depot"/m);
    const cursor = /--cursor (\S+)/.exec(first.stdout)?.[1] ?? '';
    const rest = await runPik('find', '--limit', '1', '--include', 'body', '--cursor', cursor, ...at());
    expect(rest.stdout).toContain('parcel-1');
  });

  it('names the place of a fault in an expression', async () => {
    const { code, stderr } = await runPik('find', 'sorce=depot', ...at());
    expect([code, stderr]).toEqual([2, expect.stringContaining('at character 1, near "sorce=depot"')]);
  });
});

describe('pik tail', () => {
  it('prints what was stored since a time, up to a limit, and where to continue', async () => {
    const first = await runPik('tail', '--since', '2020-01-01', '--limit', '1', ...at());
    expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('parcel-1')]);
    const cursor = /--cursor (\S+)/.exec(first.stderr)?.[1] ?? '';
    const rest = await runPik('tail', 'outcome=REJECTED', '--cursor', cursor, '--limit', '1', '--json', ...at());
    expect(JSON.parse(rest.stdout)).toMatchObject({ reject_code: 'FIELD_MISSING' });
  });
});
