import { createHash } from 'node:crypto';

import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { Analytics } from '@segment/analytics-node';
import { expect, it } from 'vitest';

import { servedKit } from '../served.ts';

// The SDKs of Segment and RudderStack for Node as clients of a served kit, over real connections, with an API key as write key.

const key = (name: string, scopes: string[]) => ({
  ...{ name, scopes },
  key_sha256: createHash('sha256').update(`pik_${name}`).digest('hex'),
});
const apiKeys = [key('ios_app', ['ingest']), key('reader', ['investigate'])];
const kit = servedKit({ config: { apiKeys }, apiKey: 'pik_reader' });

const eventsOf = async (entity: string) => {
  const { events } = await kit.ask.timelinePage({ entity_id: entity });
  return events.map(({ event_type, source }) => `${source} ${event_type}`).toSorted();
};

it('takes every call of the SDK of Segment', async () => {
  const analytics = new Analytics({ writeKey: 'pik_ios_app', host: kit.url, flushInterval: 10 });
  const failures: unknown[] = [];
  analytics.on('error', (error) => failures.push(error));
  const userId = 'segment_user';
  analytics.track({ userId, event: 'Order Placed', properties: { total: 4200 } });
  analytics.identify({ userId, traits: { plan: 'pro' } });
  analytics.group({ userId, groupId: 'g' });
  analytics.page({ userId, name: 'Home' });
  analytics.screen({ userId, name: 'Home' });
  analytics.alias({ userId, previousId: 'anonymous' });
  await analytics.closeAndFlush();
  expect(failures).toEqual([]);
  const types = ['Order Placed', 'alias', 'group', 'identify', 'page', 'screen'];
  expect(await eventsOf(userId)).toEqual(types.map((type) => `ios_app ${type}`));
});

it('takes what the SDK of RudderStack sends, compressed or not', async () => {
  const send = (gzip: boolean, event: string) => {
    const rudder = new RudderAnalytics('pik_ios_app', { dataPlaneUrl: kit.url, gzip, flushInterval: 10 });
    return new Promise<void>((resolve, reject) => {
      rudder.track({ userId: 'rudder_user', event, properties: { n: 1 } }, (error?: Error) =>
        error === undefined ? resolve() : reject(error),
      );
      rudder.flush();
    });
  };
  await send(true, 'Packed');
  await send(false, 'Plain');
  expect(await eventsOf('rudder_user')).toEqual(['ios_app Packed', 'ios_app Plain']);
});

it('refuses another write key', async () => {
  const analytics = new Analytics({ writeKey: 'pik_other', host: kit.url, maxRetries: 0 });
  const failures: unknown[] = [];
  analytics.on('error', (error) => failures.push(error));
  analytics.track({ userId: 'nobody', event: 'x' });
  await analytics.closeAndFlush();
  expect(failures).not.toEqual([]);
  expect(await eventsOf('nobody')).toEqual([]);
});
