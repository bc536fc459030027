import { drawFeatures, drawRates } from '../features.ts';
import { holds, type Subject } from '../history.ts';
import { checkReceipts, checkValues, checkVerify, dailyValue } from '../oracles.ts';
import { ENTITIES } from '../records.ts';
import { type Life, sendRequests } from '../senders.ts';
import { DIR, isMendable, Server } from '../server.ts';
import { NO_FAULTS, type World } from '../world.ts';

/** One data directory: senders, sweeps and reads, and every fault of its disk and its process. */
export const INGEST: Subject = {
  name: 'ingest',
  async play(world) {
    const life = await begin(world);
    await live(life);
    await settle(life);
  },
};

async function begin(world: World): Promise<Life> {
  const features = drawFeatures(world);
  world.disk.makeFolders(DIR);
  world.disk.syncFolder(world.disk.root);
  world.isInOrder = !features['any-order'];
  const losses = { power: 0, journal: 0 };
  const onStart = () => {
    if (features.power && server.starts > 0 && world.tape.chance('power', 2)) losePower({ world, losses });
  };
  const onWarning = (message: string) => {
    if (message.includes('journal')) losses.journal += 1;
  };
  const server = new Server(world, { onStart, onWarning });
  await server.start();
  world.rates = drawRates(world, features);
  return { world, server, features, acknowledged: [], sent: new Map(), values: [], inFlight: 0, losses };
}

function losePower(life: Pick<Life, 'world' | 'losses'>): void {
  const { disk, tape } = life.world;
  life.losses.power += 1;
  disk.losePower({
    name: () => tape.choose('survives', 2) === 1,
    bytes: (unsynced) => [0, unsynced, unsynced >> 1][tape.choose('bytes', 3)] ?? 0,
  });
}

async function live(life: Life): Promise<void> {
  const { world, features } = life;
  const senders = 1 + (features.senders ? 1 + world.tape.choose('senders', 2) : 0);
  let left = senders;
  const sending = Array.from({ length: senders }, (_, i) =>
    sendRequests(life, `sender ${i + 1}`).finally(() => {
      left -= 1;
    }),
  );
  const others = [
    ...(features.sweeps ? [sweepWhile(life, () => left > 0)] : []),
    ...(features.reads ? [readWhile(life, () => left > 0)] : []),
    ...(features.values ? [askWhile(life, () => left > 0)] : []),
    ...(features.kills || features.stops ? [killWhile(life, () => left > 0)] : []),
  ];
  await Promise.all([...sending, ...others]);
}

/** The last rebuild of a history has no faults. */
const REBUILDS_MAX = 5;
/** How far a sweep looks back, as `pik serve` does. */
const LOOK_BACK_MS = 3_600_000;
/** The maximum number of steps for which anything other than a sender waits for its turn. */
const TURNS_MAX = 40;

/** Lets some steps of others pass. */
async function linger({ world }: Life, name: string): Promise<void> {
  const self = world.process(name);
  const turns = 1 + world.tape.choose(`${name}-turns`, TURNS_MAX);
  for (let i = 0; i < turns; i++) await world.post(self, name, () => {});
}

async function sweepWhile(life: Life, isOn: () => boolean): Promise<void> {
  const minAgeMs = life.features['young-sweeps'] ? 0 : 60_000;
  while (isOn()) {
    await linger(life, 'sweep');
    await attempt(() =>
      life.server.ask('sweep', ({ pipeline }) => pipeline.sweep({ minAgeMs, lookBackMs: LOOK_BACK_MS })),
    );
  }
}

async function readWhile(life: Life, isOn: () => boolean): Promise<void> {
  while (isOn()) {
    await linger(life, 'read');
    const known = life.acknowledged.filter(({ eventId }) => eventId !== null);
    const one = known[life.world.tape.choose('read', Math.max(1, known.length))];
    if (one === undefined) continue;
    const found = await attempt(() =>
      life.server.ask('read', ({ backend }) => backend.index.getEvent(one.eventId ?? '')),
    );
    holds('read', found !== null, () => `${one.status} ${one.record.text} cannot be read`);
  }
}

/** Asks for values as of now, and remembers those that are reported as final. */
async function askWhile(life: Life, isOn: () => boolean): Promise<void> {
  while (isOn()) {
    await linger(life, 'ask');
    const entity = life.world.tape.pick('entity', ENTITIES);
    const asOfMs = life.world.nowMs - life.world.tape.pick('ago', [0, 2, 1_000]);
    const answer = await attempt(() => life.server.ask('ask', (running) => dailyValue(running, { entity, asOfMs })));
    if (answer !== undefined && !answer.unsettled) life.values.push({ entity, asOfMs, value: answer.value });
  }
}

async function killWhile(life: Life, isOn: () => boolean): Promise<void> {
  const { features, server, world } = life;
  for (let kills = 1 + world.tape.choose('kills', 3); kills > 0 && isOn(); kills--) {
    await linger(life, 'kill');
    if (features.stops && (!features.kills || world.tape.chance('stop', 2))) await server.stop();
    else server.kill();
    if (!isOn()) return;
    await server.revive();
  }
}

/** The result; undefined if the server died or the call may be repeated. */
async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isMendable(error)) return undefined;
    throw error;
  }
}

const SWEEP_ALL = { minAgeMs: 0, lookBackMs: LOOK_BACK_MS };

/** Faults stop: then one sweep restores every invariant, and a second one changes nothing. */
async function settle(life: Life): Promise<void> {
  const { world, server, features } = life;
  world.rates = NO_FAULTS;
  if (features['last-power']) {
    server.kill();
    losePower(life);
  }
  await server.revive();
  world.pass(1_000);
  const swept = await server.ask('sweep', ({ pipeline }) => pipeline.sweep(SWEEP_ALL));
  holds('converged', swept.packs_unreadable === 0, () => `a sweep cannot read ${swept.packs_unreadable} packs`);
  holds('converged', swept.packs_pending === 0, () => `a sweep leaves ${swept.packs_pending} packs`);
  await server.ask('check', (running) => checkReceipts(life, running));
  await server.ask('values', (running) => checkValues(life, running));
  const digest = await server.ask('verify', checkVerify);
  const again = await server.ask('sweep', ({ pipeline }) => pipeline.sweep(SWEEP_ALL));
  holds('converged', again.packs_admitted === 0, () => `a second sweep admits ${again.packs_admitted} packs`);
  if (features.rebuild) await checkRebuild(life, digest);
}

/** A rebuild may fail or die anywhere, also by a loss of power; it is repeated until it succeeds. */
async function rebuildThroughFaults(life: Life): Promise<void> {
  const { world, server, features } = life;
  world.rates = drawRates(world, features);
  for (let tries = 0; tries < REBUILDS_MAX; tries++) {
    const isDone = await server.rebuild();
    if (features.power && world.tape.chance('power', 2)) losePower(life);
    if (isDone) break;
    if (tries === REBUILDS_MAX - 2) world.rates = NO_FAULTS;
    holds('rebuild', tries < REBUILDS_MAX - 1, () => 'a rebuild without faults did not finish');
  }
  world.rates = NO_FAULTS;
}

/** An index that is rebuilt from the log gives the same answers. */
async function checkRebuild(life: Life, digest: string): Promise<void> {
  const { server, world } = life;
  await server.stop();
  // A rebuild that dies is repeated over the same log and journal.
  const { deaths } = world;
  await rebuildThroughFaults(life);
  await server.revive();
  const now = await server.ask('verify', checkVerify);
  // The journal of answered outcomes is not synced, and a process may die between a commit and its line: then a rebuild may
  // admit packs in another order than the first time.
  if (deaths + life.losses.power + life.losses.journal > 0) return;
  await server.ask('check', (running) => checkReceipts(life, running));
  holds('rebuild', now === digest, () => `a rebuilt index has the digest ${now}, not ${digest}`);
}
