import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

import type { Target } from './target.ts';

/** Appends each event as a line of JSON with the id of its delivery; synced to the disk before it counts as accepted. */
export function createFileTarget(path: string): Target {
  const file = openSync(path, 'a', 0o600);
  return {
    name: `file ${path}`,
    async send({ replay_id, event_id, body }) {
      writeSync(file, `{"replay_id":"${replay_id}","event_id":"${event_id}","event":${body}}\n`);
      fsyncSync(file);
    },
    async close() {
      closeSync(file);
    },
  };
}
