import { createContext, rebuildIndex, restoreHistory } from '@pik/handlers';
import { openLocalRebuild } from '@pik/handlers/local';
import { tableText } from '@pik/render';
import { counted } from '@pik/schema';
import { print } from '../session.ts';
import { createProgress } from '../terminal.ts';

/** Which directory. */
export interface RebuildOptions {
  readonly data: string;
  readonly json?: boolean;
}

const NAMED_MAX = 40;

/** Makes the index of a data directory again from its log. True when every verdict is the one that was answered. */
export async function rebuild({ data, json }: RebuildOptions): Promise<boolean> {
  const work = await openLocalRebuild({ dir: data });
  const progress = createProgress('rebuilding', 0);
  try {
    const context = createContext({ backend: work.backend });
    const summary = await rebuildIndex(context, { answered: work.answered, onProgress: () => progress.add(1) });
    const restored = await restoreHistory(context);
    const aside = await work.finish();
    progress.stop();
    const { differing, unreadable } = summary;
    const options = json === undefined ? { url: '' } : { url: '', json };
    print(options, { ...summary, restored, history_lost: work.historyLost, old_index: aside }, () => {
      const lines = [
        `The index was made again: ${counted(summary.receipts, 'receipt')} of ${counted(summary.packs, 'pack')}.`,
      ];
      if (aside !== null) lines.push(`The old index is kept in ${aside}.`);
      if (summary.unrecorded > 0)
        lines.push(`Of ${counted(summary.unrecorded, 'pack')} nothing says what was answered.`);
      if (differing.length === 0) lines.push('Every verdict that was recorded came out the same.');
      else
        lines.push(
          `${counted(differing.length, 'verdict differs', 'verdicts differ')} from what was answered:`,
          tableText(
            ['pack', 'line', 'answered', 'now'],
            differing.slice(0, NAMED_MAX).map((d) => [d.pack_id, d.line, d.answered, d.now]),
          ),
        );
      if (restored.versions + restored.replays > 0)
        lines.push(
          `Made again from their files: ${counted(restored.versions, 'version')} and ${counted(restored.replays, 'replay')}.`,
        );
      if (work.historyLost)
        lines.push(
          'Messages that waited in the queue are lost: replay again what `pik replays` lists as not long done.',
        );
      for (const file of restored.unreadable) lines.push(`The file ${file} cannot be read.`);
      for (const pack of unreadable) lines.push(`The pack ${pack} was answered once and cannot be read any more.`);
      return lines.join('\n');
    });
    return differing.length + unreadable.length + restored.unreadable.length === 0;
  } catch (error) {
    progress.stop();
    await work.cancel();
    throw error;
  }
}
