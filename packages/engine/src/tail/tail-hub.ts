import type { Context } from '../runtime/context.ts';
import { createSharedPack, type SharedPack } from './shared-pack.ts';
import { oldestInFlight, packLines } from './tail-page.ts';

/** Gets each pack of this process once it is settled, in the order of ids. */
export type Follower = (pack: SharedPack) => void;

/** Reads each admitted pack once, for all followers. */
export interface TailHub {
  /** `onHangUp` is called when all streams end. Returns the function that ends this one. */
  follow(follower: Follower, onHangUp: () => void): () => void;
  /** The number of followers. */
  followers(): number;
  /** Ends all streams, and later ones at once. */
  hangUp(): void;
}

/** Milliseconds after which packs that waited for an earlier one are looked at again. */
const RETRY_MS = 500;

/** Creates the hub of one process. It reads nothing while nobody follows. */
export function createTailHub(context: Context): TailHub {
  const followers = new Map<Follower, () => void>();
  const reader = createSettledReader(context, (pack) => {
    for (const follower of [...followers.keys()]) follower(pack);
  });
  let isOver = false;
  return {
    follow(follower, onHangUp) {
      if (followers.size === 0) reader.start();
      followers.set(follower, onHangUp);
      if (isOver) onHangUp();
      return () => {
        if (followers.delete(follower) && followers.size === 0) reader.stop();
      };
    },
    followers: () => followers.size,
    hangUp() {
      isOver = true;
      for (const end of [...followers.values()]) end();
    },
  };
}

/** Passes on admitted packs in the order of their ids: a pack waits for those before it that are still in flight. */
function createSettledReader(context: Context, pass: Follower): { start(): void; stop(): void } {
  const waiting = new Set<string>();
  let unsubscribe = () => {};
  let timer: ReturnType<typeof setInterval> | undefined;
  let isBusy = false;
  let isDue = false;
  const passOn = async (pack_id: string): Promise<void> => {
    const lines = await packLines(context, pack_id);
    if ('code' in lines) context.telemetry.log('error', 'pack_unreadable', { pack_id, code: lines.code });
    else pass(createSharedPack(pack_id, lines));
  };
  const drain = async (): Promise<void> => {
    while (isDue) {
      isDue = false;
      const oldest = oldestInFlight(context);
      for (const id of [...waiting].sort()) {
        if (oldest !== null && id >= oldest) break;
        await passOn(id);
        waiting.delete(id);
      }
    }
  };
  const look = () => {
    isDue = waiting.size > 0;
    if (isBusy || !isDue) return;
    isBusy = true;
    drain()
      // The pack still waits, so the timer tries again.
      .catch((error: unknown) => context.telemetry.log('error', 'tail_failed', { error: String(error) }))
      .finally(() => {
        isBusy = false;
        if (isDue) look();
      });
  };
  return {
    start() {
      unsubscribe = context.announcements.subscribe((packId) => {
        if (packId !== null) waiting.add(packId);
        look();
      });
      timer = setInterval(look, RETRY_MS);
      timer.unref();
    },
    stop() {
      unsubscribe();
      clearInterval(timer);
      waiting.clear();
    },
  };
}
