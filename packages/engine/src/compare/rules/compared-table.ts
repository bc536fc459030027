import { LIMITS } from '@pik/schema';

import { ExactNumber, entityOf, payloadIn, producerOf, type ReceiptFacts } from '../../search/rules/receipt-facts.ts';
import type { Group } from './column.ts';
import { Dimension, type Leaf, NOT_COMPARED } from './dimension.ts';
import { memberPath } from './path-text.ts';

/** A place in payloads: its path, and the places below it. */
interface Place {
  readonly path: string;
  readonly isMany: boolean;
  /** True if its values may not be seen: it and all below are left out. */
  readonly isMasked: boolean;
  /** Null until a value stands there, and where paths are left out. */
  dimension: Dimension | null;
  readonly members: Map<string, Place>;
  element: Place | null;
}

/** The fields of a receipt that groups are compared by, besides its payload. */
const FIELDS = [
  'source',
  'event_type',
  'entity_id',
  'principal',
  'producer',
  'outcome',
  'reject_code',
  'imported',
] as const;

/** Elements of a list that are looked at. */
const ELEMENTS_MAX = 100;
/** Places in payloads that are looked at: keys may be data. */
const PLACES_MAX = 2_000;

/** The receipts of two groups as columns. */
export class ComparedTable {
  readonly dimensions: Dimension[] = [];
  readonly rows: [number, number] = [0, 0];
  /** True if payloads have more paths than are compared. */
  hasMorePaths = false;
  #bytes = 0;
  /** Paths that the caller may not see. */
  readonly maskedPaths: string[] = [];
  readonly #omitted: ReadonlySet<string>;
  readonly #isMasked: (path: string) => boolean;
  readonly #fields: readonly (Dimension | null)[];
  readonly #payload: Place = placeAt('payload', { isMany: false, isMasked: false });
  #places = 1;

  /** `omitted` are paths that are not compared; `isMasked` says of which the caller may not see the values. */
  constructor(omitted: ReadonlySet<string>, isMasked: (path: string) => boolean = () => false) {
    this.#isMasked = isMasked;
    this.#omitted = omitted;
    this.#fields = FIELDS.map((field) => this.#dimensionFor(field, false));
  }

  /** True once no further receipt fits. */
  isFull(): boolean {
    return this.#bytes >= LIMITS.compare_table_bytes_max;
  }

  /** Adds a receipt to a group. */
  add(group: Group, facts: ReceiptFacts): void {
    const row = this.rows[group];
    this.rows[group] = row + 1;
    FIELDS.forEach((field, i) => {
      const value = fieldOf(field, facts);
      const dimension = this.#fields[i];
      if (value !== null && dimension) this.#bytes += dimension.add(group, row, value);
    });
    const payload = payloadIn(facts);
    if (payload !== undefined) this.#walk(this.#payload, payload, { group, row });
  }

  #walk(place: Place, value: unknown, at: { readonly group: Group; readonly row: number }): void {
    if (place.isMasked) return;
    if (value instanceof ExactNumber) this.#walk(place, Number(value.token), at);
    else if (Array.isArray(value)) {
      this.#addLeaf(place, NOT_COMPARED, at);
      for (const one of value.slice(0, ELEMENTS_MAX)) {
        place.element ??= this.#newPlace(`${place.path}[*]`, true);
        if (place.element !== null) this.#walk(place.element, one, at);
      }
    } else if (isMembers(value)) {
      this.#addLeaf(place, NOT_COMPARED, at);
      for (const name of Object.keys(value)) {
        const below = place.members.get(name) ?? this.#member(place, name);
        if (below !== null) this.#walk(below, value[name], at);
      }
    } else this.#addLeaf(place, isLeaf(value) ? value : NOT_COMPARED, at);
  }

  #addLeaf(
    place: Place,
    value: Leaf | typeof NOT_COMPARED,
    { group, row }: { readonly group: Group; readonly row: number },
  ): void {
    place.dimension ??= this.#dimensionFor(place.path, place.isMany);
    if (place.dimension !== null) this.#bytes += place.dimension.add(group, row, value);
  }

  #dimensionFor(path: string, isMany: boolean): Dimension | null {
    if (this.#omitted.has(path)) return null;
    if (this.dimensions.length >= LIMITS.compare_paths_max) {
      this.hasMorePaths = true;
      return null;
    }
    const dimension = new Dimension(path, isMany);
    this.dimensions.push(dimension);
    return dimension;
  }

  #member(place: Place, name: string): Place | null {
    const below = this.#newPlace(memberPath(place.path, name), place.isMany);
    if (below !== null) place.members.set(name, below);
    return below;
  }

  #newPlace(path: string, isMany: boolean): Place | null {
    if (this.#places >= PLACES_MAX) {
      this.hasMorePaths = true;
      return null;
    }
    this.#places += 1;
    const isMasked = this.#isMasked(path);
    if (isMasked) this.maskedPaths.push(path);
    return placeAt(path, { isMany, isMasked });
  }
}

function placeAt(path: string, { isMany, isMasked }: Pick<Place, 'isMany' | 'isMasked'>): Place {
  return { path, isMany, isMasked, dimension: null, members: new Map(), element: null };
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isLeaf(value: unknown): value is Leaf {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

function fieldOf(field: (typeof FIELDS)[number], facts: ReceiptFacts): Leaf {
  switch (field) {
    case 'outcome':
      return facts.outcome;
    case 'entity_id':
      return entityOf(facts);
    case 'producer':
      return producerOf(facts);
    default:
      return facts.envelope[field];
  }
}
