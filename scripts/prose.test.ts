import { describe, expect, it } from 'vitest';
import { proseFindings } from './prose.ts';

const rulesIn = (file: string, text: string) => proseFindings(file, text).map(({ rule }) => rule);

/** Sentences that the repository once had, each with the rule that refuses it. */
const REFUSED: readonly (readonly [rule: string, sentence: string])[] = [
  ['is none', 'Other events, which a server may take too, are none.'],
  ['is none', 'The message is none of a replay.'],
  ['is no X', 'The value is no JSON.'],
  ['is no X', 'Lines that are\nno records are skipped.'],
  ['told', 'Beyond the bound the order is not told.'],
  ['told', 'Told of faults, the caller may ask again.'],
  ['met', 'The rows carry the outcome that the insert met.'],
  ['held against', 'An open day is held against its forecast.'],
  ['held against', 'There is no other version to hold it against.'],
  ['of the like', 'Reads a header and more of the like.'],
  ['of the like', 'Calls of `push` and its like are refused.'],
  ['so many', 'So many times are gathered before those of settled records are dropped.'],
  ['manieth', 'The producer, and as its how-manieth the event came.'],
  ['beside', 'The file lies beside the pack.'],
  ['one for a thing', 'Wakes one who waited.'],
  ['one for a thing', 'Reads an answer. One that fails is skipped.'],
  ['anew', 'A restart counts anew.'],
  ['one after the other', 'Parts are read one after the\nother.'],
  ['all the same', 'They are repeats all the same.'],
  ['clause as subject', 'What is still under way would belong to nobody.'],
  ['clause as subject', 'It ends. Whoever waits\nfor it is woken.'],
];

const ORDINARY = [
  'There is no such file, and there are none in the other folder.',
  'It is not a valid time, is no longer needed, and is no more than 40 bytes; it is no later than the next.',
  'None of them is late. The answer has no body.',
  'The two can be told apart. A client is told to retry, or told not to.',
  'Once the condition is met, the call returns. Metrics are gathered.',
  'The count is checked against the index. It holds for each of them.',
  'Alerts, dashboards and the like are up to you.',
  'There are so many events that a scan takes minutes.',
  'That is beside the point. Besides, it is cheap.',
  'The answers are all the same answer, read one after another.',
  'One window is left. The one that came first counts.',
  'What does it answer? Who asks?',
  'Code such as `is no JSON` and `told` is quoted.',
  'Two keys look alike, and both groups are alike. Of the 20 events, three are late; most of a list is short, as is the rest.',
  'At most `n` bytes, quoted as `is none`, and ``told`` too.',
];

/** Sentences that only documents must not have. */
const REFUSED_IN_DOCUMENTS: readonly (readonly [rule: string, sentence: string])[] = [
  ['of first', 'It is kept. Of a record that is larger,\nthe first bytes are kept.'],
  ['of first', 'Of several patterns, the first one counts.'],
  ['alike', 'An old receipt is decided alike by every release.'],
];

describe('refuses', () => {
  it.each(REFUSED_IN_DOCUMENTS)('in documents, %s: %s', (rule, sentence) => {
    expect(rulesIn('a.md', sentence)).toEqual([rule]);
    expect(rulesIn('a.ts', `// ${sentence.replaceAll('\n', '\n// ')}\n`)).toEqual([]);
  });

  it.each(REFUSED)('%s: %s', (rule, sentence) => {
    expect(rulesIn('a.md', sentence)).toEqual([rule]);
    expect(rulesIn('a.ts', `/** ${sentence} */\nexport const a = 1;\n`)).toEqual([rule]);
    expect(rulesIn('a.ts', `// ${sentence.replaceAll('\n', '\n// ')}\n`)).toEqual([rule]);
    expect(rulesIn('a.ts', `throw new Error(\`\${a}: ${sentence.replaceAll('`', '')} \${b}\`);\n`)).toEqual(
      /^(What|Who)/.test(sentence) ? [] : [rule],
    );
    expect(rulesIn('a.ts', `log(${JSON.stringify(sentence.replaceAll('`', ''))});\n`)).toEqual([rule]);
  });

  it('the title of a test that begins with a clause', () => {
    expect(rulesIn('a.test.ts', "it('what is missing is found', () => {});\n")).toEqual(['clause as subject']);
    expect(rulesIn('a.test.ts', 'it.each(rows)(`what $name has is kept`, () => {});\n')).toEqual(['clause as subject']);
    expect(rulesIn('a.test.ts', "const text = ask('what is missing is found');\n")).toEqual([]);
  });
});

describe('leaves ordinary English', () => {
  it.each(ORDINARY)('%s', (sentence) => {
    expect(rulesIn('a.md', sentence)).toEqual([]);
    expect(rulesIn('a.ts', `/** ${sentence} */\nconst a = ${JSON.stringify(sentence)};\n`)).toEqual([]);
  });

  it('a question that has a value in it', () =>
    expect(rulesIn('a.ts', 'const a = `What made the difference of ${n}? By network.`;\n')).toEqual([]));

  it('headings, tables, code and comments of Markdown', () => {
    const text = [
      '## What it does',
      '',
      '| What is asked | Answer |',
      '|---|---|',
      '| What went wrong. | nothing |',
      '',
      '```sh',
      'echo is none, is no file',
      '```',
      '',
      '<!-- told -->',
    ].join('\n');
    expect(rulesIn('a.md', text)).toEqual([]);
  });

  it('names, patterns and single words in code', () =>
    expect(rulesIn('a.ts', "const met = told(/is no file/, 'told', beside); // a name\n")).toEqual([]));
});

it('a finding has its line, the words and a better way', () =>
  expect(proseFindings('a.md', 'First line.\n\nThe text is\nno number.')).toEqual([
    { line: 3, rule: 'is no X', text: 'is no number.', instead: '"is not a …"' },
  ]));
