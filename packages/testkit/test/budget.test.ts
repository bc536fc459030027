import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => vi.unstubAllEnvs());

async function budgetOf(name: string, seed = 1) {
  vi.stubEnv('PIK_BUDGET', name);
  vi.stubEnv('FC_SEED', String(seed));
  vi.resetModules();
  return import('../src/budget.ts');
}

describe('a budget', () => {
  it.each([
    ['commit', 30, 8, 10],
    ['full', 300, 200, 100],
    ['nightly', 6_000, 200, 100],
  ])('%s scales histories, kills and the points of a sweep', async (name, histories, killed, visited) => {
    const { runs, repeats, kills, points } = await budgetOf(name, 0);
    expect([repeats(300), runs(300).numRuns, kills(200)]).toEqual([histories, histories, killed]);
    expect(points([...Array(100).keys()])).toHaveLength(visited);
  });

  it('of a commit visits every point of a sweep within ten consecutive seeds', async () => {
    for (const length of [1, 2, 5, 9, 85]) {
      const all = [...Array(length).keys()];
      const visited = new Set<number>();
      for (let seed = 40; seed < 50; seed++) {
        const { points } = await budgetOf('commit', seed);
        for (const point of points(all)) visited.add(point);
      }
      expect([...visited].sort((a, b) => a - b)).toEqual(all);
    }
  });

  it('of an unknown name is refused', async () => {
    await expect(budgetOf('weekly')).rejects.toThrow('PIK_BUDGET must be one of commit, full, nightly');
  });
});
