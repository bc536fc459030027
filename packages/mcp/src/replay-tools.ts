import { type Field, KitError, replayAction } from '@pik/schema';
import type { ReplayRequest } from '@pik/sdk/investigator';

import type { Tool } from './tool.ts';

const { as_of, plan_hash, reason, ...others } = replayAction.bodyFields;
/** The client makes the id of a replay and reads all of its parts; the tool says whether it is a dry run. */
const { dry_run: _dry, replay_id: _id, cursor: _cursor, limit: _limit, ...selecting } = others;

const needed = (field: Field): Field => ({ ...field, isRequired: true });

const shared = { route: 'replay', pages: [] } as const;

/** Predicts a replay. */
const planReplay: Tool = {
  ...shared,
  name: 'plan_replay',
  readsOnly: true,
  description:
    'Predict what sending past events again would change. Sends nothing. The answer has plan_hash and as_of, which apply_replay requires. The answer may have values from payloads.',
  fields: { ...selecting, as_of },
  async call(kit, given, signal) {
    const { apply: __, ...facts } = await kit.planReplay(given as ReplayRequest, { signal });
    return facts;
  },
};

/** Executes a plan, and nothing but that plan. */
const applyReplay: Tool = {
  ...shared,
  name: 'apply_replay',
  readsOnly: false,
  description:
    'Send past events again exactly as plan_replay has predicted: with its selection, its as_of and its plan_hash. If the selection or a version has changed since, nothing is sent. Show the plan to the user and ask before you call this.',
  fields: { ...selecting, as_of: needed(as_of), plan_hash: needed(plan_hash), reason: needed(reason) },
  async call(kit, { plan_hash: expected, reason: why, ...selection }, signal) {
    const plan = await kit.planReplay(selection as ReplayRequest, { signal });
    if (plan.plan_hash !== expected)
      throw new KitError('PLAN_STALE', 'the selection gives another plan_hash; nothing was sent');
    // Without the signal: a replay that has begun is not given up because its caller has gone.
    return plan.apply({ reason: String(why) }).result();
  },
};

/** The tools about replays. */
export const REPLAY_TOOLS: readonly Tool[] = [planReplay, applyReplay];
