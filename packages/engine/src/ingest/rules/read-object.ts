import { LIMITS } from '@pik/schema';

import { bareWord, scanJson } from './json-scan.ts';
import type { ScannedRecord } from './payload-hash.ts';
import { Fault, isObject, typeName } from './record-fields.ts';
import type { RawRecord } from './record-split.ts';

/** Reads the JSON object of a record, or the fault that prevents it. The order of the checks is the order in docs/errors.md. */
export function readObject(record: RawRecord): ScannedRecord | Fault {
  if (!('text' in record)) return new Fault('UTF8_INVALID', null, 'the bytes are not UTF-8');
  const { text } = record;
  if (text.charCodeAt(0) === 0xfeff) return new Fault('UTF8_INVALID', null, 'the text starts with a byte order mark');
  const scan = scanJson(text, LIMITS.json_depth_max);
  if (scan.depth > LIMITS.json_depth_max)
    return new Fault('JSON_TOO_DEEP', null, `nested deeper than ${LIMITS.json_depth_max}`);
  if (scan.members > LIMITS.json_members_max)
    return new Fault('JSON_TOO_MANY_MEMBERS', null, `more than ${LIMITS.json_members_max} members`);
  const value = parseJson(text);
  if (value instanceof Fault) return value;
  if (!isObject(value)) return new Fault('RECORD_NOT_OBJECT', null, `an event is an object, not ${typeName(value)}`);
  return { text, value, scan };
}

/** Parses JSON; a syntax error is a fault. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return new Fault('JSON_SYNTAX', null, syntaxHint(text, error));
  }
}

/** Describes a syntax error. V8's message quotes the input; our own text with the position leaks nothing into logs. */
function syntaxHint(text: string, error: unknown): string {
  if (text.trim() === '') return 'the record is empty';
  const bare = bareWord(text);
  if (bare !== null) return `not JSON at character ${bare.at}: ${BARE_WORD_HINTS[bare.word]}`;
  const place = /position (\d+)/.exec(String(error));
  return place === null ? 'not JSON, or cut short' : `not JSON at character ${place[1]}`;
}

const NOT_A_NUMBER = 'JSON has no NaN and no Infinity; write null, or leave the member out';

const BARE_WORD_HINTS: Readonly<Record<string, string>> = {
  NaN: NOT_A_NUMBER,
  Infinity: NOT_A_NUMBER,
  None: 'write null for None',
  True: 'write true for True',
  False: 'write false for False',
  undefined: 'JSON has no undefined; write null, or leave the member out',
};
