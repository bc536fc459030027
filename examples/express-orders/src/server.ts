import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { openShop, runUntilStopped } from '@pik/example-orders/service';

import { createShopApp } from './app.ts';

const shop = openShop();
const server = createShopApp(shop).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
runUntilStopped(shop, {
  port,
  close: async () => {
    server.close().closeAllConnections();
    await once(server, 'close');
  },
});
