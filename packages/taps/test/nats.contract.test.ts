import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startNats } from '@pik/testkit/fixtures/servers/servers';
import { describeTapContract } from '@pik/testkit/taps';
import { describe } from 'vitest';
import { openNatsTap } from '../src/nats.ts';

describe.skipIf(!isInstalled('nats-server'))('over a server of NATS', () => {
  describeTapContract(
    'of a stream of JetStream',
    async () => {
      const server = await startNats();
      const connection = await connect({ servers: server.url });
      await (await jetstreamManager(connection)).streams.add({ name: 'ORDERS', subjects: ['orders.>'] });
      return {
        // Messages that were read and not committed come again soon.
        open: () => openNatsTap({ servers: server.url, stream: 'ORDERS', ackWaitMs: 300, waitMs: 1_000 }),
        async put(texts) {
          for (const text of texts) await jetstream(connection).publish('orders.placed', text);
        },
        async close() {
          await connection.close();
          await server.stop();
        },
      };
    },
    { ordered: false },
  );
});
