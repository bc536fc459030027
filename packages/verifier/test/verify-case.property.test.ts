import { gzipSync } from 'node:zlib';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { type CaseProof, STATUS, verifyCase } from '../src/index.ts';
import { createSignedWorld, keyOf, type SignedWorld } from './exported.ts';

let world: SignedWorld;
const proofs: CaseProof[] = [];
const textOf = (proof: unknown) => `${JSON.stringify(proof, null, 2)}\n`;
const bytesOf = (proof: unknown) => Buffer.from(textOf(proof));
const key = (proof: CaseProof) => keyOf(proof.key);

beforeAll(async () => {
  world = await createSignedWorld();
  for (const hour of [0, 2]) {
    world.clock.ms += hour * 3_600_000;
    for (const events of [1, 64, 65, 130]) await world.arrive(events);
  }
  world.clock.ms += 3 * 3_600_000;
  await world.close();
  const { events } = await world.pipeline.ask('selection', {
    source: 's',
    start_time: '2026-01-05',
    end_time: '2026-01-07',
    limit: 600,
  });
  for (const { event_id } of events) proofs.push(await world.pipeline.ask('proof', { event_id }));
});

describe('a case', () => {
  it('of every event of a log is proven, and has at most 20 KB beyond its line', () => {
    expect(proofs).toHaveLength(520);
    for (const proof of proofs) {
      const verdict = verifyCase(bytesOf(proof), { key: key(proof) });
      expect(verdict).toMatchObject({ status: 0, findings: [], size: 3, origin: 'example.com/pik' });
      expect(bytesOf(proof).length - proof.text.length).toBeLessThan(20_000);
    }
  });

  it('is read from a tar and from a page as well', () => {
    const [proof] = proofs;
    if (proof === undefined) throw new Error('no proof');
    const page = `<html><script type="application/json" id="pik-case">${textOf(proof)}</script></html>`;
    expect(verifyCase(Buffer.from(page), { key: key(proof) }).status).toBe(0);
    for (const damaged of [page.slice(0, -30), textOf(proof).trim(), '', 'ustar', gzipSync(textOf(proof)).toString()])
      expect(verifyCase(Buffer.from(damaged), { key: key(proof) }).status).toBe(STATUS.differs);
  });

  it('without a key, or with another, is not proven', async () => {
    const [proof] = proofs;
    const other = await createSignedWorld();
    await other.log.append([{ type: 'expiry', through: '2025-01-01T00', policy: 'p' }]);
    const vkey = (await other.export()).get('vkey.txt')?.toString();
    expect(verifyCase(bytesOf(proof), {}).status).toBe(STATUS.signature);
    expect(verifyCase(bytesOf(proof), { key: keyOf(vkey) }).status).toBe(STATUS.signature);
  });

  it('is not proven once a bit of it is flipped', () => {
    fc.assert(
      fc.property(fc.nat(519), fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(7), (nth, where, bit) => {
        const proof = proofs[nth];
        if (proof === undefined) throw new Error('no proof');
        const bytes = bytesOf(proof);
        const at = Math.floor(where * bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(verifyCase(bytes, { key: key(proof) }).status).not.toBe(0);
      }),
      runs(8_000),
    );
  });

  it('is not proven with a member of another case', () => {
    const [first, second] = [proofs[3], proofs[400]];
    if (first === undefined || second === undefined) throw new Error('no proof');
    for (const name of Object.keys(first)) {
      const mixed: Record<string, unknown> = { ...first };
      mixed[name] = new Map<string, unknown>(Object.entries(second)).get(name);
      if (JSON.stringify(mixed) !== JSON.stringify(first))
        expect(verifyCase(bytesOf(mixed), { key: key(first) }).status, name).not.toBe(0);
    }
  });

  it('of an event whose hour is not closed yet is refused', async () => {
    await world.arrive(1);
    const { events } = await world.pipeline.ask('timeline', { entity_id: 'entity_521' });
    await expect(world.pipeline.ask('proof', { event_id: events[0]?.event_id ?? '' })).rejects.toThrow(
      expect.objectContaining({ code: 'LOG_UNSIGNED' }),
    );
    await expect(world.pipeline.ask('proof', { event_id: '0'.repeat(47) })).rejects.toThrow(
      expect.objectContaining({ code: 'EVENT_UNKNOWN' }),
    );
  });
});
