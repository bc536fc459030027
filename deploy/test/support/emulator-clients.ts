import { TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';

import { type AwsClients, createAwsClients } from '@pik/engine/aws';

/**
 * Clients of an emulator, which answers slower than the cloud when the machine is busy. moto rolls back a failed
 * transaction by restoring the whole table, including concurrent writes of others: so a transaction is sent only while
 * nothing else is in flight.
 */
export function createEmulatorClients(): AwsClients {
  const clients = createAwsClients({ requestMs: 30_000 });
  const dynamodb = clients.dynamodb as unknown as Sender;
  const send = dynamodb.send.bind(dynamodb);
  const turns = createTurns();
  dynamodb.send = (command, ...rest) => {
    const turn = command instanceof TransactWriteItemsCommand ? turns.alone : turns.together;
    return turn(() => send(command, ...rest));
  };
  return clients;
}

interface Sender {
  send(command: unknown, ...rest: unknown[]): Promise<unknown>;
}
type Turn = (work: () => Promise<unknown>) => Promise<unknown>;

/** Work that may run concurrently, and work that runs alone. */
function createTurns(): { readonly together: Turn; readonly alone: Turn } {
  let last: Promise<unknown> = Promise.resolve();
  const under = new Set<Promise<unknown>>();
  return {
    together(work) {
      const done = last.then(work);
      const ended = done.catch(() => undefined).finally(() => under.delete(ended));
      under.add(ended);
      return done;
    },
    alone(work) {
      const done = Promise.all([last, ...under]).then(work);
      last = done.catch(() => undefined);
      return done;
    },
  };
}
