import type { LogTarget } from '@pik/engine';

import { folderTarget } from './folder-target.ts';
import { gitTarget } from './git-target.ts';
import { stampClient } from './stamp-client.ts';
import { webhookTarget } from './webhook-target.ts';
import { type LogWitness, witnessClient } from './witness-client.ts';

/** A place for copies of the signed log; one of the fields. */
export interface LogCopy {
  /** A folder that exists, such as a mounted share. */
  readonly folder?: string | undefined;
  /** A clone of a git repository: each checkpoint is a commit, pushed if its branch has an upstream. */
  readonly git?: string | undefined;
  /** A URL to which each checkpoint is posted; it cannot be read back. */
  readonly webhook?: string | undefined;
}

/** The signed log of a server. */
export interface LogConfig {
  /** The name of the log, which its first start decides, such as `example.com/pik`. Default: a random one. */
  readonly origin?: string | undefined;
  /** Where copies are kept, out of reach of whoever has this machine. Default: nowhere. */
  readonly copies?: readonly LogCopy[] | undefined;
  /** Others who sign each checkpoint with their time. Default: nobody. */
  readonly witnesses?: readonly LogWitness[] | undefined;
  /** URLs of time stamp authorities (RFC 3161): the first one that answers stamps each checkpoint. Default: none. */
  readonly stamps?: readonly string[] | undefined;
}

const KINDS = { folder: folderTarget, git: gitTarget, webhook: webhookTarget } as const satisfies {
  readonly [K in keyof LogCopy]-?: (value: string) => LogTarget;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fault of the settings of a signed log; null if they have none. */
export function logFault(value: unknown): string | null {
  if (!isObject(value)) return 'must be an object';
  const { origin, copies = [], witnesses = [], stamps = [], ...rest } = value;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `has the unknown field ${unknown}`;
  if (origin !== undefined && (typeof origin !== 'string' || !/^[^\s+]{1,200}$/.test(origin)))
    return 'has an origin that is not a name without spaces and plus signs';
  if (!Array.isArray(copies)) return 'has copies that are not a list';
  if (!Array.isArray(witnesses) || !witnesses.every(isWitness))
    return 'has witnesses that are not a list of { url, key }';
  if (!Array.isArray(stamps) || !stamps.every((url) => typeof url === 'string' && URL.canParse(url)))
    return 'has stamps that are not a list of URLs';
  const wrong = copies.findIndex((copy) => !isCopy(copy));
  return wrong < 0 ? null : `has at ${wrong} a copy that is not one of ${Object.keys(KINDS).join(', ')}`;
}

function isCopy(copy: unknown): boolean {
  if (!isObject(copy)) return false;
  const [kind, ...rest] = Object.keys(copy);
  return kind !== undefined && rest.length === 0 && Object.hasOwn(KINDS, kind) && typeof copy[kind] === 'string';
}

function isWitness(witness: unknown): boolean {
  if (!isObject(witness) || Object.keys(witness).length !== 2) return false;
  const { url, key } = witness;
  return typeof url === 'string' && URL.canParse(url) && typeof key === 'string';
}

/** The options of a signed log that the config file decides. */
export function logOptions({ log = {} }: { readonly log?: LogConfig | undefined }) {
  return {
    origin: log.origin,
    targets: logTargets(log),
    witnesses: (log.witnesses ?? []).map(witnessClient),
    stamps: (log.stamps ?? []).map(stampClient),
  };
}

function logTargets({ copies = [] }: LogConfig): LogTarget[] {
  return copies.flatMap((copy) => {
    return Object.entries(KINDS).flatMap(([kind, create]) => {
      const value = copy[kind as keyof LogCopy];
      return value === undefined ? [] : [create(value)];
    });
  });
}
