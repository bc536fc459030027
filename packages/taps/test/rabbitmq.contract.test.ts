import { kills } from '@pik/testkit/budget';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startRabbitmq } from '@pik/testkit/fixtures/servers/servers';
import { describeTapContract } from '@pik/testkit/taps';
import amqp from 'amqplib';
import { describe } from 'vitest';
import { openRabbitmqTap } from '../src/rabbitmq.ts';

// Its server takes some 20 s to start, so only full runs have it: those in which no kill is left out.
const isFull = kills(20) === 20;
if (!isFull) console.log('skipped: RabbitMQ is tested with PIK_BUDGET=full and at night');

describe.skipIf(!isFull || !isInstalled('rabbitmq-server', 'epmd'))('over a server of RabbitMQ', () => {
  describeTapContract('of a queue of RabbitMQ', async () => {
    const server = await startRabbitmq();
    const connection = await amqp.connect(server.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('orders');
    let sent = 0;
    return {
      open: () => openRabbitmqTap({ url: server.url, queue: 'orders', waitMs: 100 }),
      async put(texts) {
        for (const text of texts) {
          sent += 1;
          channel.sendToQueue('orders', Buffer.from(text), { messageId: `m-${sent}`, persistent: true });
        }
        await channel.waitForConfirms();
      },
      async close() {
        await connection.close();
        await server.stop();
      },
    };
  });
});
