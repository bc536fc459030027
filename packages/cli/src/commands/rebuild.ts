import { createContext, rebuildIndex, restoreHistory } from '@pik/engine';
import { openLocalRebuild } from '@pik/engine/local';
import { tableText } from '@pik/render';
import { counted } from '@pik/schema';
import { print } from '../session.ts';
import { createProgress } from '../terminal.ts';

/** Options of `pik rebuild`. */
export interface RebuildOptions {
  readonly data: string;
  readonly json?: boolean | undefined;
}

const NAMED_MAX = 40;

/**
 * Rebuilds the index of a data directory from its log. True if every verdict equals the recorded one and everything
 * could be read.
 */
export async function rebuild({ data, json }: RebuildOptions): Promise<boolean> {
  const work = await openLocalRebuild({ dir: data });
  const progress = createProgress('rebuilding', 0);
  try {
    const context = createContext({ backend: work.backend });
    const summary = await rebuildIndex(context, { answered: work.answered, onProgress: () => progress.add(1) });
    const restored = await restoreHistory(context);
    const hadHours = (await work.backend.files.list('hours/v1/')).items.length > 0;
    const aside = await work.finish();
    progress.stop();
    const { differing, unreadable } = summary;
    const options = { json };
    print(options, { ...summary, restored, history_lost: work.historyLost, old_index: aside }, () => {
      const lines = [
        `Rebuilt the index from ${counted(summary.receipts, 'receipt')} in ${counted(summary.packs, 'pack')}.`,
      ];
      if (aside !== null) lines.push(`The old index is kept in ${aside}.`);
      if (summary.unrecorded > 0)
        lines.push(`${counted(summary.unrecorded, 'pack')} had no recorded verdicts to compare.`);
      if (differing.length === 0) lines.push('Every recomputed verdict equals the recorded one.');
      else
        lines.push(
          `${counted(differing.length, 'verdict differs', 'verdicts differ')} from the recorded answer:`,
          tableText(
            ['pack', 'line', 'answered', 'now'],
            differing.slice(0, NAMED_MAX).map((d) => [d.pack_id, d.line, d.answered, d.now]),
          ),
        );
      if (restored.versions + restored.replays > 0)
        lines.push(
          `Restored from their files: ${counted(restored.versions, 'version')} and ${counted(restored.replays, 'replay')}.`,
        );
      if (hadHours)
        lines.push('The server will close the hours again, from their files; `pik compact` does so at once.');
      if (work.historyLost) lines.push('Queued messages are lost: repeat the recent replays that `pik replays` lists.');
      for (const file of restored.unreadable) lines.push(`The file ${file} cannot be read.`);
      for (const pack of unreadable) lines.push(`The pack ${pack} was answered before but can no longer be read.`);
      return lines.join('\n');
    });
    return differing.length + unreadable.length + restored.unreadable.length === 0;
  } catch (error) {
    progress.stop();
    await work.cancel();
    throw error;
  }
}
