import * as z from 'zod/mini';

import { KitError } from './errors.ts';
import { MASKED, type Mask } from './mask.ts';
import { maskRecord, type SeriesOf } from './mask-record.ts';
import { type PayloadKind, payloadKind } from './payload-value.ts';

/** Rules for the answers to callers without the scope `sensitive`. */
export interface MaskRules {
  readonly mask: Mask;
  /** True if the path of a receipt, as `payload.card.number`, leads to a masked place, below one or above one. */
  isMaskedPath(path: string): boolean;
  /** True if the values of a metric may show masked members. */
  isMaskedMetric(metric: string): boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** A part of an answer: the rules, and the objects around it, the outermost first. */
interface Part {
  readonly rules: MaskRules;
  readonly around: readonly Members[];
}

/**
 * An answer as a caller without the scope `sensitive` sees it: marked parts are masked by their kind, and what the schema does not
 * know is hidden.
 *
 * @throws KitError `FORBIDDEN` for an answer that cannot be shown in part.
 */
export function maskAnswer<A>(schema: z.ZodMiniType | undefined, answer: A, rules: MaskRules): A {
  if (schema === undefined) throw new KitError('INTERNAL', 'an answer without a schema cannot be masked');
  return maskPart(schema as unknown as z.core.$ZodTypes, answer, { rules, around: [] }) as A;
}

function maskPart(schema: z.core.$ZodTypes, value: unknown, part: Part): unknown {
  if (value === null || value === undefined) return value;
  const kind = payloadKind(schema);
  if (kind !== null) return isShown(kind, value, part) ? value : maskedValue(schema, value, { kind, part });
  const { def } = schema._zod;
  switch (def.type) {
    case 'object':
      return maskMembers(def.shape as Readonly<Record<string, z.core.$ZodTypes>>, value as Members, part);
    case 'array':
      return (value as unknown[]).map((item) => maskPart(def.element as z.core.$ZodTypes, item, part));
    case 'record':
      return Object.fromEntries(
        Object.entries(value as Members).map(([name, one]) => [
          name,
          maskPart(def.valueType as z.core.$ZodTypes, one, part),
        ]),
      );
    case 'optional':
    case 'nullable':
      return maskPart(def.innerType as z.core.$ZodTypes, value, part);
    case 'union': {
      const options = def.options as readonly z.core.$ZodTypes[];
      const option = options.find((one) => z.safeParse(one as unknown as z.ZodMiniType, value).success);
      return option === undefined ? MASKED : maskPart(option, value, part);
    }
    default:
      return value;
  }
}

function maskMembers(
  shape: Readonly<Record<string, z.core.$ZodTypes>>,
  value: Members,
  { rules, around }: Part,
): Members {
  const part = { rules, around: [...around, value] };
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
      return [name, schema === undefined ? MASKED : maskPart(schema, one, part)];
    }),
  );
}

/** True if a marked part has nothing to mask. */
function isShown(kind: PayloadKind, value: unknown, { rules, around }: Part): boolean {
  if (kind === 'checked') return true;
  const [near] = around.toReversed();
  if (kind === 'place') return typeof near?.path === 'string' && !rules.isMaskedPath(near.path);
  if (kind === 'fault') return near?.kind !== 'PROCESSING' || isOpenFault(near, rules);
  if (kind === 'metric') {
    const metric = around.toReversed().find((members) => typeof members.metric === 'string')?.metric;
    return typeof metric === 'string' && !rules.isMaskedMetric(metric);
  }
  return kind === 'line' && isOpenLine(value, rules.mask);
}

function maskedValue(
  schema: z.core.$ZodTypes,
  value: unknown,
  { kind, part: { rules, around } }: { readonly kind: PayloadKind; readonly part: Part },
): unknown {
  if (kind === 'line') throw new KitError('FORBIDDEN', 'the record has masked members, which need the scope sensitive');
  if (kind === 'record') return typeof value === 'string' ? maskRecord(value, seriesOf(around), rules.mask) : MASKED;
  return z.safeParse(schema as unknown as z.ZodMiniType, MASKED).success ? MASKED : null;
}

/** True if a failure names the windows that failed, and none is of a metric that reads masked payloads. */
function isOpenFault({ window, windows }: Members, { isMaskedMetric }: MaskRules): boolean {
  const failed: readonly unknown[] = Array.isArray(windows) ? windows : [window];
  return failed.length > 0 && failed.every((one) => isMembers(one) && !isMaskedMetric(String(one.metric)));
}

/** The source and type that the nearest object around a part states, or its event. */
function seriesOf(around: readonly Members[]): SeriesOf {
  for (const members of around.toReversed()) {
    for (const one of [members, members.event]) {
      if (!isMembers(one) || typeof one.source !== 'string' || typeof one.event_type !== 'string') continue;
      return { source: one.source, event_type: one.event_type };
    }
  }
  return { source: null, event_type: null };
}

/** True if a stored line has a record without masked members. */
function isOpenLine(line: unknown, mask: Mask): boolean {
  if (typeof line !== 'string') return false;
  const envelope: unknown = JSON.parse(line);
  if (!isMembers(envelope) || typeof envelope.body !== 'string') return false;
  const { body } = envelope;
  return maskRecord(body, seriesOf([envelope]), mask) === body;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names of the members of an NDJSON line that hold received text. */
const TEXTS: ReadonlySet<string> = new Set(['body', 'mapped']);

/**
 * A line of NDJSON as a caller without the scope `sensitive` sees it: the received text of events, receipts and their deliveries is
 * masked, and so are the details of failed metrics. An object whose text is not as received states `masked`.
 */
export function maskLine(line: string, rules: MaskRules): string {
  return JSON.stringify(maskInLine(JSON.parse(line), { rules, around: [] }));
}

function maskInLine(value: unknown, part: Part): unknown {
  if (Array.isArray(value)) return value.map((one) => maskInLine(one, part));
  if (!isMembers(value)) return value;
  const around = [...part.around, value];
  const masked = Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      if (TEXTS.has(name) && typeof one === 'string') return [name, maskRecord(one, seriesOf(around), part.rules.mask)];
      if (name === 'body_base64') return [name, MASKED];
      if (name === 'detail' && !isShown('fault', one, { ...part, around })) return [name, MASKED];
      return [name, maskInLine(one, { ...part, around })];
    }),
  );
  const isAsReceived = [...TEXTS].every((name) => masked[name] === value[name]);
  return isAsReceived ? masked : { ...masked, masked: true };
}
