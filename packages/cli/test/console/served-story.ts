import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import type { ApiKey } from '@pik/engine/http';

import { openStoryKit, type StoryKit, tellStory } from './story.ts';

/** A kit of the story, served on a port of this machine. */
export interface ServedStory extends StoryKit {
  readonly url: string;
}

/** Serves a kit; `empty` leaves the story out. */
export async function serveStory(
  options: { readonly empty?: boolean; readonly apiKeys?: readonly ApiKey[]; readonly port?: number } = {},
): Promise<ServedStory> {
  const { empty = false, apiKeys, port = 0 } = options;
  const kit = openStoryKit({ apiKeys });
  if (!empty) await tellStory(kit);
  const server = await new Promise<Server>((done) => {
    const listening = serve({ fetch: kit.app.fetch, port, hostname: '127.0.0.1' }, () =>
      done(listening as Server),
    ) as Server;
  });
  const { port: bound } = server.address() as { port: number };
  return {
    ...kit,
    url: `http://127.0.0.1:${bound}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await kit.close();
    },
  };
}
