import { openAppend } from './open-append.ts';
import type { Target } from './target.ts';

/** Appends each event as a line of JSON with the id of its delivery; synced to the disk before it counts as accepted. */
export function createFileTarget(path: string): Target {
  const file = openAppend(path);
  return {
    name: `file ${path}`,
    async send({ replay_id, event_id, body }) {
      file.add(`{"replay_id":"${replay_id}","event_id":"${event_id}","event":${body}}`);
    },
    async close() {
      file.close();
    },
  };
}
