import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = join(import.meta.dirname, '../..');
const seconds: Record<string, number> = JSON.parse(
  readFileSync(join(root, 'scripts/vitest/durations.json'), 'utf8'),
) as Record<string, number>;

/**
 * Starts the test files with a process of their own first, and of each kind the longest first by their recorded durations,
 * so that both workers end at about the same time.
 * A checkout has no record of its own, as vitest's sequencer would need. Files that are not in `durations.json` are short.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const lasting = ({ moduleId }: TestSpecification) => seconds[relative(root, moduleId)] ?? 0;
    // A shared process ends when the next file needs its own.
    const sharing = ({ project }: TestSpecification) => Number(!project.config.isolate);
    return [...files].sort(
      (a, b) => sharing(a) - sharing(b) || lasting(b) - lasting(a) || (a.moduleId < b.moduleId ? -1 : 1),
    );
  }
}
