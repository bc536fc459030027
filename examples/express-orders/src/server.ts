import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { openShop, runUntilStopped } from '@pik/example-orders/service';

import { createShopApp } from './app.ts';

const shop = openShop();
const server = createShopApp(shop).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
runUntilStopped(shop, { port, close });

/** Takes no new connections, and lets requests in flight finish; hanging requests are cut off after 20 seconds. */
async function close(): Promise<void> {
  server.close();
  // A kept-alive connection is idle once its request is answered.
  const idle = setInterval(() => server.closeIdleConnections(), 200);
  const hanging = setTimeout(() => server.closeAllConnections(), 20_000);
  await once(server, 'close');
  clearInterval(idle);
  clearTimeout(hanging);
}
