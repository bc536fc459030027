import { type Catalog, type CatalogEntry, KitError } from '@pik/schema/events';

/** What all events of one source and type have in common. */
export interface Series {
  readonly source: string;
  readonly event_type: string;
  readonly entry: CatalogEntry | undefined;
  /** The record up to the entity's id. */
  readonly head: string;
}

/** Declares what events of a source and type start with. */
export function seriesOf(source: string, event_type: string, entry: CatalogEntry | undefined): Series {
  const head = `${JSON.stringify({ source, event_type }).slice(0, -1)},"entity_id":`;
  return { source, event_type, entry, head };
}

/** Most events are of few series, whose texts are made once. */
export class SeriesCache {
  lastSource: string;
  readonly #source: string | undefined;
  readonly #catalog: Catalog | undefined;
  readonly #known = new Map<string, Map<string, Series>>();
  #count = 0;

  constructor(source: string | undefined, catalog: Catalog | undefined) {
    this.#source = source;
    this.#catalog = catalog;
    this.lastSource = source ?? '';
  }

  /** @throws KitError `FIELD_MISSING`, `FIELD_INVALID`, `EVENT_NOT_DECLARED`. */
  get(ownSource: string | undefined, eventType: string): Series {
    const source = ownSource ?? this.#source;
    const known = this.#known.get(source as string)?.get(eventType);
    return known ?? this.#declare(source, eventType);
  }

  #declare(source: string | undefined, eventType: string): Series {
    if (source === undefined) throw new KitError('FIELD_MISSING', 'source is required', { path: '/source' });
    if (typeof source !== 'string' || typeof eventType !== 'string')
      throw new KitError('FIELD_INVALID', 'source and event_type must be strings');
    const isDeclared = this.#catalog === undefined || Object.hasOwn(this.#catalog, eventType);
    if (!isDeclared) throw new KitError('EVENT_NOT_DECLARED', `the catalog has no ${eventType}`);
    if (this.#count === SERIES_MAX) {
      this.#known.clear();
      this.#count = 0;
    }
    this.#count += 1;
    const series = seriesOf(source, eventType, this.#catalog?.[eventType]);
    const ofSource = this.#known.get(source) ?? new Map<string, Series>();
    this.#known.set(source, ofSource.set(eventType, series));
    this.lastSource = this.#source ?? source;
    return series;
  }
}

/** Callers may make up names without end. */
const SERIES_MAX = 1_000;
