import { JSON_TYPES, type JsonType, LIMITS } from '@pik/schema';

import { memberPath } from '../../compare/rules/path-text.ts';
import { DistinctCount } from './distinct-count.ts';

/** Events before and since the time that drift is looked for. */
export type Era = 0 | 1;

/** An event whose payload is added. */
export interface Visit {
  /** Its number: each event counts once at a place. */
  readonly event: number;
  readonly era: Era;
  readonly receivedAt: string;
}

/** Places of one series, bounded together. */
export interface PlaceBudget {
  left: number;
  /** Whether the caller may not see the values at a path; the names of members below it are values too. */
  readonly isMasked: (path: string) => boolean;
  /** True if there were more. */
  hasMore: boolean;
}

/** A place in the payloads of a series: its values, and the places below it. */
export class Place {
  readonly path: string;
  /** True if no place below it is learned. */
  readonly isMasked: boolean;
  /** Events that have it, before and since. */
  readonly events: [number, number] = [0, 0];
  /** Values, element by element in lists: how many of each type, before and since. */
  readonly types = new Map<JsonType, [number, number]>();
  readonly members = new Map<string, Place>();
  element: Place | null = null;
  readonly distinct = new DistinctCount();
  least: number | null = null;
  largest: number | null = null;
  firstText: string | null = null;
  lastText: string | null = null;
  firstSeen = '';
  lastSeen = '';
  example: string | null = null;
  #event = -1;

  constructor(path: string, isMasked = false) {
    this.path = path;
    this.isMasked = isMasked;
  }

  /** Adds a value, and everything below it. */
  add(value: unknown, visit: Visit, budget: PlaceBudget): void {
    this.#see(visit);
    const type = typeOf(value);
    const counts = this.types.get(type) ?? [0, 0];
    counts[visit.era] += 1;
    this.types.set(type, counts);
    if (!isMembers(value)) this.#addLeaf(value);
    else if (!this.isMasked) this.#descend(value, visit, budget);
  }

  #descend(value: Members, visit: Visit, budget: PlaceBudget): void {
    if (Array.isArray(value)) {
      for (const one of value) {
        this.element ??= placeWithin(budget, `${this.path}[*]`);
        this.element?.add(one, visit, budget);
      }
    } else {
      for (const name of Object.keys(value)) {
        const below = this.members.get(name) ?? placeWithin(budget, memberPath(this.path, name));
        if (below === null) continue;
        this.members.set(name, below);
        below.add(value[name], visit, budget);
      }
    }
  }

  #see({ event, era, receivedAt }: Visit): void {
    if (this.#event === event) return;
    this.#event = event;
    this.events[era] += 1;
    if (this.firstSeen === '' || receivedAt < this.firstSeen) this.firstSeen = receivedAt;
    if (receivedAt > this.lastSeen) {
      this.lastSeen = receivedAt;
      this.example = null;
    }
  }

  #addLeaf(value: unknown): void {
    const json = JSON.stringify(value) ?? 'null';
    this.distinct.add(json);
    this.example ??= json.slice(0, LIMITS.schema_text_chars_max);
    if (typeof value === 'number') {
      if (this.least === null || value < this.least) this.least = value;
      if (this.largest === null || value > this.largest) this.largest = value;
    }
    if (typeof value === 'string') {
      const text = value.slice(0, LIMITS.schema_text_chars_max);
      if (this.firstText === null || text < this.firstText) this.firstText = text;
      if (this.lastText === null || text > this.lastText) this.lastText = text;
    }
  }
}

function placeWithin(budget: PlaceBudget, path: string): Place | null {
  if (budget.left <= 0) {
    budget.hasMore = true;
    return null;
  }
  budget.left -= 1;
  return new Place(path, budget.isMasked(path));
}

type Members = Readonly<Record<string, unknown>>;

/** True for objects and lists. */
function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}

function typeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return JSON_TYPES.find((type) => type === typeof value) ?? 'null';
}

/** A place and all places below it, in order of their appearance. */
export function* placesOf(place: Place): Generator<Place> {
  yield place;
  for (const below of place.members.values()) yield* placesOf(below);
  if (place.element !== null) yield* placesOf(place.element);
}
