import { readFileSync } from 'node:fs';

import { type CampaignOrder, runCampaign } from './campaign.ts';
import { playHistory, type Subject } from './history.ts';
import { INGEST } from './subjects/ingest.ts';
import { parseTape, replayedTape } from './tape.ts';

// A process of the simulator: it takes an order as JSON, and prints its result as JSON.

/** A tape to play again. */
interface TapeOrder {
  readonly tape: string;
}

const SUBJECTS: readonly Subject[] = [INGEST];

function subjectOf(name: string | undefined): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`there is no subject ${name}`);
  return found;
}

async function obey(order: CampaignOrder | TapeOrder): Promise<unknown> {
  if ('tape' in order) {
    const tape = parseTape(readFileSync(order.tape, 'utf8'));
    const { failure, steps, deaths } = await playHistory(subjectOf(tape.head.subject), replayedTape(tape));
    return { failure, steps, deaths };
  }
  // Failures run again with whole stacks; until then, most errors come from injected faults.
  Error.stackTraceLimit = 6;
  return runCampaign(subjectOf(order.subject), order);
}

console.log(JSON.stringify(await obey(JSON.parse(process.argv[2] ?? '{}'))));
