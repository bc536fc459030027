import { grouped } from '@pik/render';
import { counted, KitError } from '@pik/schema';

import { type RecordFault, withKey } from './key-field.ts';
import type { FileRecord } from './record.ts';
import { placeOf, type RecordFile } from './record-file.ts';

/** Checks records before they are sent: does each have a usable key field? */
export class KeySurvey {
  #records = 0;
  #without = 0;
  #first: { readonly place: string; readonly detail: string } | null = null;
  readonly #source: RecordFile;
  readonly #field: string;

  constructor(source: RecordFile, field: string) {
    this.#source = source;
    this.#field = field;
  }

  add(record: FileRecord): void {
    this.#records += 1;
    if (record.bytes === null) return;
    const fault = faultOf(record.bytes, this.#field);
    if (fault === null) return;
    this.#without += 1;
    this.#first ??= { place: placeOf(this.#source, record), detail: fault.detail };
  }

  /**
   * The warning to print before the records are sent; null if each of them has its key.
   *
   * @throws KitError `FILE_INVALID` if no record has one: then the option is wrong.
   */
  end(): string | null {
    if (this.#first === null) return null;
    const { place, detail } = this.#first;
    if (this.#without === this.#records)
      throw new KitError(
        'FILE_INVALID',
        `${place}: --key ${this.#field} cannot be the key of any record: ${detail}; nothing was sent`,
      );
    const some = `${grouped(this.#without)} of ${counted(this.#records, 'record')}`;
    return `--key ${this.#field}: ${some} will not be sent; the first is ${place}: ${detail}`;
  }
}

function faultOf(bytes: Uint8Array, field: string): RecordFault | null {
  const prepared = withKey(bytes, field);
  return 'bytes' in prepared ? null : prepared;
}
