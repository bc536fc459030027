import type { AddressInfo } from 'node:net';

import { openShop, runUntilStopped } from '@pik/example-orders/service';

import { createShopApp } from './app.ts';

const shop = openShop();
const app = createShopApp(shop);
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as AddressInfo;
runUntilStopped(shop, { port, close: () => app.close() });
