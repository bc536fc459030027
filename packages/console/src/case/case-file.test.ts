import { describe, expect, it } from 'vitest';

import { answerHash, type Case, caseHtml, differences, type Pin, readCase } from './case-file.ts';

const answer = { summary: '</script><script>alert(1)</script>', as_of: '2026-03-15T00:00:00Z', next_cursor: 'a' };
const pin: Pin = {
  question: 'lag',
  path: 'reports/lag?as_of=2026-03-15T00%3A00%3A00Z',
  asked_at: '2026-03-15T00:00:01Z',
  as_of: '2026-03-15T00:00:00Z',
  note: '<img src=x onerror=alert(2)>',
  answer,
  answer_sha256: answerHash(answer),
};
const file: Case = {
  format: 'pik-case-1',
  title: 'a "case" & more',
  server: 'http://127.0.0.1:4600/',
  exported_at: 'now',
  pins: [pin],
};

describe('a case', () => {
  it('is read as it was written, and hostile texts in it stay text', () => {
    const html = caseHtml(file);
    expect(readCase(html)).toEqual(file);
    expect(html).not.toMatch(/<img|<script(?! type="application\/json" id="pik-case">)/);
    expect(html.match(/<\/script>/g)).toHaveLength(1);
  });

  it('that is not one, is damaged, or asks something else than a question is refused', () => {
    const damaged = caseHtml(file).replace('"pik-case-1"', '"pik-case-1');
    const changed = (from: string, to: string) => caseHtml(file).replaceAll(from, to);
    for (const text of ['', '<html></html>', damaged, caseHtml({ ...file, format: 'other' as 'pik-case-1' })])
      expect(() => readCase(text)).toThrow(expect.objectContaining({ code: 'FILE_INVALID' }));
    for (const path of ['//evil.example/x', 'replay', 'reports/lag/../../x', 'reports/lag#x'])
      expect(() => readCase(changed(JSON.stringify(pin.path), JSON.stringify(path)))).toThrow(
        expect.objectContaining({ code: 'FILE_INVALID' }),
      );
    expect(() => readCase(changed('"question":"lag"', '"question":"toString"'))).toThrow(
      expect.objectContaining({ code: 'FILE_INVALID' }),
    );
  });

  it('differs in what changed, whatever the order of members, and not in what belongs to the moment', () => {
    expect(
      differences(answer, { next_cursor: 'b', as_of: answer.as_of, summary: answer.summary, unsettled: true }),
    ).toEqual([]);
    expect(differences(answer, { ...answer, summary: 'other', more: 1 })).toEqual(['summary', 'more']);
    expect(differences([1], [2])).toEqual(['the answer']);
  });
});
