import { join } from 'node:path';
import { kills } from '@pik/testkit/budget';
import { bundleChild, folder, idsOf, type Said, start, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { afterAll, beforeAll, expect, test } from 'vitest';

// Processes append and acknowledge as fast as they can, are killed at random moments, even while starting, and are
// restarted over the same directory. Everything that a process reported before its death must hold.

const DIRECTORIES = 4;
const KILLS = kills(1_000 / DIRECTORIES) * DIRECTORIES;

let child = '';
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, 'support/child.ts'));
});
afterAll(tidyUp);

/** The reports of the processes of one directory: pending records, and records that may exist. */
class Account {
  readonly #owed = new Set<string>();
  /** Records that must not come back. */
  readonly #gone = new Set<string>();
  stored = 0;
  recovered = 0;
  torn = 0;

  take(said: readonly Said[]): void {
    for (const { what, about } of said) {
      if (what === 'recovered') this.#recovered(idsOf(about));
      else if (what === 'stored') this.#stored(idsOf(about));
      else if (what === 'settled') this.#settle(idsOf(about));
      else if (what === 'settled for good') {
        this.#settle(idsOf(about));
        for (const id of idsOf(about)) this.#gone.add(id);
      } else if (what === 'report') this.#report((about as { kind: string }).kind);
      else if (what !== 'appended' && what !== 'drained') expect({ what, about }).toBeNull();
    }
  }

  #recovered(ids: readonly string[]): void {
    const found = new Set(ids);
    expect([...this.#owed].filter((id) => !found.has(id))).toEqual([]);
    expect(found.size).toBe(ids.length);
    expect(ids.filter((id) => this.#gone.has(id))).toEqual([]);
    this.recovered += ids.length;
    // Some acknowledged records are back, and some that were never reported as stored exist: all are pending now.
    this.#owed.clear();
    for (const id of ids) this.#owed.add(id);
  }

  /** A kill sometimes interrupts a write between two pages of memory; nothing else may happen. */
  #report(kind: string): void {
    expect(kind).toBe('torn_tail');
    this.torn += 1;
  }

  #stored(ids: readonly string[]): void {
    this.stored += ids.length;
    for (const id of ids) this.#owed.add(id);
  }

  #settle(ids: readonly string[]): void {
    for (const id of ids) this.#owed.delete(id);
  }
}

async function killOver(dir: string, kills: number): Promise<Account> {
  const account = new Account();
  for (let kill = 0; kill < kills; kill += 1) {
    const { process, heard, ended } = start(child, ['load', dir, `k${kill}`]);
    // One process in eight is killed while it starts.
    if (kill % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 40));
    else {
      await heard(kill % 2 === 0 ? 'recovered' : 'stored');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 12));
    }
    process.kill('SIGKILL');
    const { said, signal, errors } = await ended;
    expect([signal, errors]).toEqual(['SIGKILL', '']);
    account.take(said);
    if (kill % 10 === 9) account.take((await start(child, ['tidy', dir]).ended).said);
  }
  const last = start(child, ['exit', dir, 'last']);
  account.take((await last.ended).said);
  return account;
}

test(`O3, G7: after ${KILLS} kills under load, no stored record is lost or damaged, and no stale lock remains`, async () => {
  const dirs = Array.from({ length: DIRECTORIES }, folder);
  const accounts = await Promise.all(dirs.map((dir) => killOver(dir, KILLS / DIRECTORIES)));
  const sum = (name: 'stored' | 'recovered' | 'torn') => accounts.reduce((total, account) => total + account[name], 0);
  console.log(
    `${KILLS} kills: ${sum('stored')} records stored, ${sum('recovered')} recovered, ${sum('torn')} torn tails`,
  );
  expect(sum('stored')).toBeGreaterThan(0);
  expect(sum('recovered')).toBeGreaterThan(0);
});

for (const how of ['exit', 'throw', 'reject', 'SIGTERM', 'SIGINT', 'drain']) {
  test(`O9: a process that ends by ${how} loses no appended record, awaited or not`, async () => {
    const dir = folder();
    const appended = new Set<string>();
    for (let round = 0; round < 8; round += 1) {
      const { said } = await start(child, [how, dir, `r${round}`]).ended;
      const recovered = idsOf(said.find(({ what }) => what === 'recovered')?.about);
      expect(new Set(recovered)).toEqual(appended);
      for (const { what, about } of said) {
        if (what === 'appended') for (const id of idsOf(about)) appended.add(id);
        if (what === 'drained') expect(about).toBe(0);
      }
      expect(appended.size).toBe(100 * (round + 1));
    }
  });
}
