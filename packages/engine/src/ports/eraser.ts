import type { ReceiptAddress } from '@pik/schema';

import type { SequenceRow } from './rows.ts';

/** A receipt to be erased, as its line and the index have it. */
export interface ErasableReceipt {
  readonly line: number;
  /** Null for a rejected receipt. */
  readonly event_id: string | null;
  readonly source: string | null;
  readonly event_type: string | null;
  /** The time of its event; null for a rejected receipt. */
  readonly event_ms: number | null;
  readonly received_ms: number;
}

/** A pack of which some lines were erased: a further revision of it. */
export interface PackErasure {
  readonly pack_id: string;
  readonly revision: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly receipts: readonly ErasableReceipt[];
  /** The numbers of its producers, as the revision has them: the same numbers, without the exact times of erased receipts. */
  readonly sequences: readonly SequenceRow[];
}

/** The subjects of an erasure, for rows that are not listed by pack. */
export interface ErasedSubjects {
  readonly entity_ids: readonly string[];
  /** True for a receipt that is erased. */
  isErased(address: ReceiptAddress): boolean;
}

/**
 * The only part of a backend that removes what was stored. Every call is idempotent, and durable on return. None may run while an hour is
 * being closed or a window is being recomputed.
 */
export interface Eraser {
  /** The revision of a pack that counts; 0: as it was appended. */
  revisionOf(packId: string): Promise<number>;
  /** Stores a revision of a pack, in place of one that no row names. It counts once `erasePack` names it. */
  writeRevision(packId: string, revision: number, bytes: Uint8Array): Promise<void>;
  readRevision(packId: string, revision: number): Promise<Uint8Array | null>;
  removeRevision(packId: string, revision: number): Promise<void>;
  removeFile(key: string): Promise<void>;
  /**
   * Makes a revision count, and removes the rows of its erased receipts, in one transaction. An event is removed if `isErased` is true of
   * its first receipt; one that was accepted again since stays.
   */
  erasePack(pack: PackErasure, subjects: Pick<ErasedSubjects, 'isErased'>): Promise<void>;
  /** Makes a revision count in an index that has no rows of the pack yet. */
  setRevision(packId: string, revision: number): Promise<void>;
  /** Removes what is left of erased receipts in rows that are not listed by pack: failures, names of entities, keys and their filters. */
  eraseRest(subjects: ErasedSubjects): Promise<void>;
  /** Removes the commits of an hour but for the latest one. */
  dropCommits(hourMs: number): Promise<void>;
  /** Removes the copies of earlier content that the files of the index keep outside of its rows. Throws `INDEX_UNAVAILABLE` while it is being read. */
  purge(): Promise<void>;
}
