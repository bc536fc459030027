// The report on a run of the simulator: the counts of its processes, added up.

const SUMS = [
  ...['histories', 'steps', 'deaths', 'withTwoDeaths', 'withAcknowledged', 'acknowledged'],
  ...['cpuSeconds', 'playedTwice', 'differed', 'pairs', 'pairsOnce', 'states', 'corpus'],
];

/** The summary of the results of all processes. */
export function summaryOf(results, { names, ...run }) {
  const sums = Object.fromEntries(SUMS.map((name) => [name, results.reduce((sum, one) => sum + one[name], 0)]));
  const hits = Object.fromEntries(
    names.map((name) => [name, results.reduce((n, one) => n + (one.hits[name] ?? 0), 0)]),
  );
  const failures = new Map();
  for (const { failures: found } of results)
    for (const one of found) {
      const known = failures.get(one.oracle);
      if (known === undefined) failures.set(one.oracle, { ...one });
      else {
        known.count += one.count;
        if (one.size < known.size) Object.assign(known, { tape: one.tape, size: one.size, text: one.text });
      }
    }
  const { histories, cpuSeconds } = sums;
  return {
    ...run,
    ...sums,
    cpuMsPerHistory: (cpuSeconds * 1_000) / histories,
    stepsPerHistory: sums.steps / histories,
    /** How many pairs of states that no history has shown the next one is expected to show (Good and Turing). */
    unseen: sums.pairsOnce / Math.max(1, histories),
    /** With 0 failures, fewer than this share of histories fails under this generator, with 95 % confidence. */
    failingBelow: failures.size === 0 ? 3 / histories : null,
    hits,
    neverHit: names.filter((name) => hits[name] === 0),
    curves: results.map(({ subject, curve }) => ({ subject, curve })),
    failures: [...failures.values()],
  };
}

/** The summary in a few lines. */
export function summaryText(summary) {
  const { histories, steps, deaths, cpuSeconds, failures, neverHit } = summary;
  const share = (part) => `${((100 * part) / histories).toFixed(0)} %`;
  return [
    `${histories} histories, ${steps} steps, ${deaths} deaths in ${cpuSeconds.toFixed(0)} s of processor (${summary.cpuMsPerHistory.toFixed(1)} ms a history, ${summary.stepsPerHistory.toFixed(0)} steps)`,
    `two deaths in ${share(summary.withTwoDeaths)}, something acknowledged in ${share(summary.withAcknowledged)}`,
    `${summary.states} states, ${summary.pairs} pairs of states by process; ${summary.unseen.toFixed(2)} new pairs expected from the next history`,
    `${summary.playedTwice} histories played twice, ${summary.differed} differed`,
    `${Object.keys(summary.hits).length} names, never reached: ${neverHit.length === 0 ? 'none' : neverHit.join('; ')}`,
    ...failures.map(({ oracle, text, count, size }) => `FAILED ${count} × ${oracle} (${size} decisions): ${text}`),
    failures.length > 0
      ? ''
      : `0 failures in ${histories}: under this generator fewer than ${(3 / histories).toExponential(1)} of histories fail`,
  ].join('\n');
}
