import { createMemoryLogKeys } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { WitnessedRoot, WitnessState } from '../../src/ports/witness-state.ts';
import { readCosignatures } from '../../src/signed-log/log-files.ts';
import { readSigned } from '../../src/signed-log/read-signed.ts';
import type { LogEntry } from '../../src/signed-log/rules/entries.ts';
import { parseVerifierKey } from '../../src/signed-log/rules/note.ts';
import { openSignedLog } from '../../src/signed-log/signed-log.ts';
import { openWitness, type WitnessClient, witnessRequest } from '../../src/signed-log/witness.ts';
import { createWorld } from '../compact/closed-life.ts';
import { memoryTarget } from './log-world.ts';

const entries = (count: number, policy = 'p'): LogEntry[] =>
  Array.from({ length: count }, (_, i) => ({ type: 'expiry', through: `2026-01-${i}`, policy }));

function memoryState() {
  const known = new Map<string, WitnessedRoot>();
  const state: WitnessState = {
    read: async (origin) => known.get(origin) ?? null,
    async write({ origin, size, root }) {
      known.set(origin, { size, root });
    },
  };
  return { known, state };
}

/** A log of this name, and a witness that knows it. */
async function witnessed(origin = 'example.com/log') {
  const { backend } = createWorld();
  const keys = createMemoryLogKeys();
  const first = await openSignedLog({ backend, keys, origin });
  await first.append(entries(3));
  const log = parseVerifierKey((await readSigned(backend)).key);
  const { known, state } = memoryState();
  let seconds = 1_770_000_000;
  const witness = await openWitness({
    ...{ keys: createMemoryLogKeys(), name: 'witness.example', logs: [log], state },
    nowMs: () => {
      seconds += 1;
      return seconds * 1_000;
    },
  });
  const bodies: string[] = [];
  const client: WitnessClient = {
    key: witness.key,
    post(body) {
      bodies.push(body);
      return witness.addCheckpoint(body);
    },
  };
  return { backend, keys, witness, known, client, bodies };
}

describe('a witness', () => {
  it('signs each checkpoint of a log that grows, and the copies have its line', async () => {
    const { backend, keys, client, known, bodies } = await witnessed();
    const target = memoryTarget();
    const log = await openSignedLog({ backend, keys, targets: [target], witnesses: [client] });
    for (const count of [0, 1, 5, 300]) {
      await log.append(entries(count));
      expect(await log.publish()).toBe(true);
      const { size, checkpoint } = await readSigned(backend);
      expect([...(await readCosignatures(backend, size)).keys()]).toEqual([client.key.id]);
      expect(checkpoint).toContain(`\n— witness.example `);
      expect(new TextDecoder().decode(target.files.get('checkpoint'))).toBe(checkpoint);
      expect(known.get('example.com/log')?.size).toBe(size);
    }
    const asked = bodies.length;
    expect(await log.publish()).toBe(true);
    expect(bodies).toHaveLength(asked);
  });

  it('that forgets is noticed, and signs again from the start', async () => {
    const { backend, keys, client, known } = await witnessed();
    const lines: string[] = [];
    const telemetry = { count() {}, observe() {}, log: (_: string, event: string) => lines.push(event) };
    const log = await openSignedLog({ backend, keys, telemetry, witnesses: [client] });
    await log.publish();
    known.clear();
    await log.append(entries(2));
    expect(await log.publish()).toBe(true);
    expect(lines).toEqual(['witness_forgot']);
    expect(known.get('example.com/log')?.size).toBe(5);
  });

  it('that fails or answers something else holds up nothing', async () => {
    const { backend, keys, client } = await witnessed();
    const target = memoryTarget();
    const broken: WitnessClient[] = [
      { key: client.key, post: async () => ({ status: 500, body: 'no' }) },
      { key: client.key, post: async () => ({ status: 200, body: '— witness.example AAAAAAAA\n' }) },
      { key: client.key, post: async () => ({ status: 409, body: '99\n' }) },
      { key: client.key, post: async () => Promise.reject(new Error('unreachable')) },
    ];
    for (const witness of broken) {
      const log = await openSignedLog({ backend, keys, targets: [target], witnesses: [witness] });
      expect(await log.publish()).toBe(false);
      expect(new TextDecoder().decode(target.files.get('checkpoint'))).not.toContain('witness.example');
    }
  });

  it('refuses as the protocol says', async () => {
    const { backend, keys, witness, known } = await witnessed();
    const other = await witnessed('another.example/log');
    const { state, size, checkpoint } = await readSigned(backend);
    const asked = async (old: number, proof: readonly Uint8Array[], note: string) =>
      (await witness.addCheckpoint(witnessRequest(old, proof, note))).status;
    expect(await asked(0, [], (await readSigned(other.backend)).checkpoint)).toBe(404);
    expect(await asked(0, [], checkpoint.replace('\n3\n', '\n4\n'))).toBe(403);
    expect(await asked(4, [], checkpoint)).toBe(400);
    expect(await asked(2, state.tree.consistency(2, 3), checkpoint)).toBe(409);
    for (const body of ['', 'old 0\n\n', `old x\n\n${checkpoint}`, `old 0\nAAAA\n\n${checkpoint}`])
      expect((await witness.addCheckpoint(body)).status).toBe(400);
    expect(known.size).toBe(0);
    expect(await asked(0, [], checkpoint)).toBe(200);
    expect(await asked(0, [], checkpoint)).toBe(409);
    expect(await asked(size, [], checkpoint)).toBe(200);
    await (await openSignedLog({ backend, keys })).append(entries(2));
    const later = await readSigned(backend);
    const proof = later.state.tree.consistency(3, 5);
    expect(await asked(3, proof.slice(1), later.checkpoint)).toBe(422);
    expect(await asked(3, proof, later.checkpoint)).toBe(200);
    expect(await asked(3, proof, later.checkpoint)).toBe(409);
  });

  it('never signs two logs that differ, whatever it is asked, also at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ fork: fc.boolean(), more: fc.integer({ min: 1, max: 4 }) }), { maxLength: 8 }),
        async (steps) => {
          const { backend, keys, witness } = await witnessed();
          const fork = createWorld().backend;
          const sides = [
            { backend, log: await openSignedLog({ backend, keys }) },
            { backend: fork, log: await openSignedLog({ backend: fork, keys }) },
          ];
          const signed: string[] = [];
          for (const { fork: isFork, more } of steps) {
            const side = sides[isFork ? 1 : 0];
            if (side === undefined) continue;
            await side.log.append(entries(more, isFork ? 'fork' : 'p'));
            const { state, size, checkpoint } = await readSigned(side.backend);
            const tries = Array.from({ length: size + 1 }, (_, old) =>
              witness.addCheckpoint(witnessRequest(old, state.tree.consistency(old, size), checkpoint)),
            );
            const isSigned = (await Promise.all(tries)).some(({ status }) => status === 200);
            if (isSigned) signed.push(isFork ? 'fork' : 'log');
          }
          expect(new Set(signed).size).toBeLessThanOrEqual(1);
        },
      ),
      runs(100),
    );
  });
});
