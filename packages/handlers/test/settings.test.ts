import { KitError } from '@pik/schema';
import { createMemoryBackend } from '@pik/testkit';
import { setupOver, VARIABLES } from '@pik/testkit/fixtures/functions/functions';
import { describe, expect, it } from 'vitest';
import { readSettings, type SettingName, variableOf } from '../src/environment.ts';
import { open as openIngest } from '../src/ingest.ts';
import { open as openInvestigate } from '../src/investigate.ts';
import { open as openProcessor } from '../src/processor.ts';
import { open as openReplay } from '../src/replay.ts';
import { open as openSweeper } from '../src/sweeper.ts';
import { open as openWatcher } from '../src/watcher.ts';

// D04: a function without its configuration must not start, and must report all faults at once.

const FUNCTIONS = {
  ingest: openIngest,
  replay: openReplay,
  investigate: openInvestigate,
  processor: openProcessor,
  sweeper: openSweeper,
  watcher: openWatcher,
};

const without = (name: string) => ({ ...VARIABLES, [name]: undefined });

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(KitError.is(error) && error.code).toBe('CONFIG_INVALID');
    return (error as Error).message;
  }
  throw new Error('it started');
}

describe('D04: settings', () => {
  it('that are missing or wrong are all named at once, and no value is repeated', () => {
    const variables = { ...without('PIK_BUCKET'), PIK_SETTLE_MS: 'soon-secret', PIK_AUTHENTICATION: 'NONE' };
    const message = faultOf(() => readSettings(variables, ['bucket', 'indexTable', 'settleMs', 'authentication']));
    expect(message).toBe(
      'PIK_BUCKET must be set; PIK_SETTLE_MS must be a whole number of milliseconds; PIK_AUTHENTICATION must be API_KEYS or IAM',
    );
  });

  it.each([
    ['bucket', ['', 'a b', '{{Bucket}}']],
    ['queueUrl', ['', 'a-queue', 'ftp://x/y']],
    ['indexRetentionMs', ['', '13', '-1', '1.5', 'forever']],
    ['settleMs', ['', '-1', '1e3']],
    ['authentication', ['', 'api_keys', 'NONE']],
    ['firstKeySecret', ['a key itself']],
    [
      'apiKeys',
      ['x', 'a:ingest:xyz', `a:write:${'0'.repeat(64)}`, `a:ingest:${'0'.repeat(64)}:b`, `:ingest:${'0'.repeat(64)}`],
    ],
  ] as [SettingName, string[]][])('D40: %s takes nothing but what it must be', (name, values) => {
    for (const value of values) {
      const message = faultOf(() => readSettings({ [variableOf(name)]: value }, [name]));
      expect(message).toContain(variableOf(name));
      if (value.length > 1) expect(message).not.toContain(value);
    }
  });

  it('G5: the index expires seven days before the raw log, and never if that is kept forever', () => {
    const retention = (days: string) => readSettings({ PIK_RAW_RETENTION_DAYS: days }, ['indexRetentionMs']);
    expect(retention('14').indexRetentionMs).toBe(7 * 86_400_000);
    expect(retention('0').indexRetentionMs).toBe(Number.POSITIVE_INFINITY);
  });

  for (const [name, open] of Object.entries(FUNCTIONS)) {
    it(`D04: ${name} does not start without any one of its settings`, async () => {
      const setup = setupOver(createMemoryBackend());
      const asked: string[] = [];
      const variables = new Proxy(VARIABLES, {
        get(target, variable) {
          asked.push(String(variable));
          return target[variable as keyof typeof VARIABLES];
        },
      });
      await open({ ...setup, variables });
      expect(asked).toContain('PIK_BUCKET');
      for (const variable of asked) {
        const opened = open({ ...setup, variables: without(variable) });
        await expect(opened).rejects.toThrow(`${variable} must be set`);
      }
    });
  }
});
