import {
  type Aggregate,
  type AggregateInput,
  type InputFacts,
  inTimeZone,
  type ListedInput,
  plainFields,
} from '@pik/aggregates';
import {
  type ChangeClass,
  canonicalize,
  type IdentityRule,
  KitError,
  parseTime,
  payloadHash,
  type RawEvent,
  type VolatileDeclaration,
  volatileRules,
  withoutVolatile,
} from '@pik/schema';

/** A hypothesis to test over stored events. Every part is optional; they are applied in this order. */
export interface WhatIf {
  /**
   * Decides which receipts are the same event: `content` (source, type, entity, time and payload), or a key of the
   * receipt, to which source, type and entity are added. Default: as admitted.
   */
  readonly identity?: 'content' | ((receipt: AggregateInput) => string) | undefined;
  /**
   * Volatile members of payloads, by source and type: events with content identity that differ only in these would be
   * one, and receipts that conflict only in these would be repeats.
   */
  readonly volatile?: readonly Pick<VolatileDeclaration, 'source' | 'event_type' | 'paths'>[] | undefined;
  /** Which receipt of an event counts if their payloads differ: the `first` (default) or the `last` received. */
  readonly conflict?: 'first' | 'last' | undefined;
  /** Drops receipts that were received more than this many milliseconds after the end of their window. */
  readonly latenessMaxMs?: number | undefined;
  /** Folds with this definition. */
  readonly definition?: Aggregate | undefined;
  /** Uses the calendar of this time zone for windows. */
  readonly timeZone?: string | undefined;
}

/** One receipt that may be an input. */
export interface SimulatedInput extends ListedInput {
  readonly input: AggregateInput;
  readonly identity: IdentityRule;
  readonly facts: InputFacts;
}

/** The inputs before and after, and the cause of each difference. */
export interface TriedInputs {
  readonly before: readonly SimulatedInput[];
  readonly after: readonly SimulatedInput[];
  /** Causes by the address of the receipt. Inputs without one differ by the definition only. */
  readonly causes: ReadonlyMap<string, ChangeClass>;
}

/** The definition to test. */
export function triedDefinition(aggregate: Aggregate, { definition, timeZone }: WhatIf): Aggregate {
  const tried = definition ?? aggregate;
  return timeZone === undefined ? tried : inTimeZone(tried, timeZone);
}

/** Address of a receipt. */
export function addressOf({ pack_id, line }: ListedInput): string {
  return `${pack_id}:${line}`;
}

/** The receipts of an event: the first, which was admitted, then the others. Throws `FORBIDDEN` if members of one are masked. */
export function receiptsOf(event: RawEvent): [SimulatedInput, ...SimulatedInput[]] {
  if (event.masked === true || event.deliveries?.some(({ masked }) => masked === true))
    throw new KitError('FORBIDDEN', `the event ${event.event_id} has masked members, which need the scope sensitive`);
  const others = (event.deliveries ?? []).map((delivery) => simulatedInput(event, delivery));
  return [simulatedInput(event, event), ...others];
}

type ReceiptFields = Pick<
  RawEvent,
  'event_time' | 'received_at' | 'payload_hash' | 'flags' | 'pack_id' | 'line' | 'body' | 'mapped'
>;

function simulatedInput(event: RawEvent, receipt: ReceiptFields): SimulatedInput {
  const { event_id, source, event_type, entity_id, identity } = event;
  const { event_time, received_at, payload_hash, flags, pack_id, line, body, mapped } = receipt;
  const payload = payloadOf(mapped ?? body);
  const imported = flags.includes('IMPORTED');
  return {
    ...{ event_id, payload_hash, event_time, received_at, pack_id, line, identity },
    input: { event_id, source, event_type, entity_id, event_time, received_at, payload, deleted: payload === null },
    facts: { source, event_type, entity_id, imported, present: true, fields: plainFields(payload) },
  };
}

/** The payload of a record in the kit's own form, or of a CloudEvent of a release that had no mapping for it. */
function payloadOf(body: string): unknown {
  const record = JSON.parse(body) as Record<string, unknown>;
  return Object.hasOwn(record, 'specversion') && !Object.hasOwn(record, 'event_type') ? record.data : record.payload;
}

/** Applies identity, then the choice among conflicting receipts, then the cut-off. */
export function tryInputs(
  events: readonly (readonly [SimulatedInput, ...SimulatedInput[]])[],
  tried: Aggregate,
  whatIf: WhatIf,
): TriedInputs {
  const causes = new Map<string, ChangeClass>();
  const before = events.map(([first]) => first);
  const contentOf = contentHashes(whatIf);
  const isRegrouped = whatIf.identity !== undefined || whatIf.volatile !== undefined;
  const groups = isRegrouped ? regroup(events.flat(), whatIf.identity, contentOf) : events;
  const chosen = groups.map(([first]) => first);
  if (isRegrouped) {
    const [was, is] = [new Set(before), new Set(chosen)];
    for (const one of before) if (!is.has(one)) causes.set(addressOf(one), 'DUPLICATE_REMOVED');
    for (const one of chosen) if (!was.has(one)) causes.set(addressOf(one), 'DUPLICATE_REMOVED');
  }
  const corrected = whatIf.conflict === 'last' ? groups.map((group) => lastOf(group, { causes, contentOf })) : chosen;
  const after = corrected.filter((one) => !isCutOff(one, tried, { whatIf, causes }));
  return { before, after, causes };
}

type Group = readonly [SimulatedInput, ...SimulatedInput[]];

/** Hashes the content of a payload under the tested declaration; without one, returns the stored hash. */
function contentHashes({ volatile }: WhatIf): (one: SimulatedInput) => string {
  if (volatile === undefined) return ({ payload_hash }) => payload_hash;
  // A tested declaration has no version yet.
  const volatileOf = volatileRules(volatile.map((declaration) => ({ ...declaration, version: 1 })));
  const hashes = new Map<SimulatedInput, string>();
  return (one) => {
    const known = hashes.get(one);
    if (known !== undefined) return known;
    const { source, event_type, payload } = one.input;
    const content = withoutVolatile(payload, volatileOf(source, event_type));
    const hash = content === payload ? one.payload_hash : payloadHash(content);
    hashes.set(one, hash);
    return hash;
  };
}

function regroup(
  receipts: readonly SimulatedInput[],
  identity: WhatIf['identity'],
  contentOf: (one: SimulatedInput) => string,
): Group[] {
  const groups = new Map<string, [SimulatedInput, ...SimulatedInput[]]>();
  // Pack ids never decrease: their order is the order of storage.
  for (const one of receipts.toSorted(inOrderOfStorage)) {
    const { source, event_type, entity_id } = one.input;
    const own = identityOf(one, identity, contentOf);
    const name = canonicalize([source, event_type, entity_id, ...own]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

/** Identity of a receipt: by the tested rule, else by the rule with which it was admitted. */
function identityOf(
  one: SimulatedInput,
  identity: WhatIf['identity'],
  contentOf: (one: SimulatedInput) => string,
): readonly string[] {
  if (typeof identity === 'function') return ['key', identity(one.input)];
  const isByContent = identity === 'content' || one.identity === 'content';
  return isByContent ? ['content', one.event_time, contentOf(one)] : ['event', one.event_id];
}

function inOrderOfStorage(a: ListedInput, b: ListedInput): number {
  if (a.pack_id !== b.pack_id) return a.pack_id < b.pack_id ? -1 : 1;
  return a.line - b.line;
}

/** The receipt that was received last; the first one if the last has the same content. */
function lastOf(
  group: Group,
  { causes, contentOf }: { causes: Map<string, ChangeClass>; contentOf: (one: SimulatedInput) => string },
): SimulatedInput {
  const [first] = group;
  const last = group.reduce((latest, one) => (one.received_at >= latest.received_at ? one : latest));
  if (contentOf(last) === contentOf(first) && last.event_time === first.event_time) return first;
  causes.set(addressOf(first), 'CORRECTED');
  causes.set(addressOf(last), 'CORRECTED');
  return last;
}

function isCutOff(
  one: SimulatedInput,
  tried: Aggregate,
  { whatIf, causes }: { whatIf: WhatIf; causes: Map<string, ChangeClass> },
): boolean {
  if (whatIf.latenessMaxMs === undefined) return false;
  const window = tried.windows.at(epochMs(one.event_time));
  if (epochMs(one.received_at) <= window.end_ms + whatIf.latenessMaxMs) return false;
  causes.set(addressOf(one), 'LATE');
  return true;
}

/** Epoch milliseconds of a time from the backend. */
export function epochMs(time: string): number {
  return parseTime(time)?.epoch_ms ?? 0;
}
