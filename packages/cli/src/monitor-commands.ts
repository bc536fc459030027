import type { Command } from 'commander';

import { monitors, muteMonitor, unmuteMonitor } from './commands/monitors.ts';
import { client, type Done, many } from './program/client.ts';
import { wholeNumber } from './program/whole-number.ts';

/** Adds the commands about monitors. */
export function addMonitors(program: Command, done: Done): void {
  const list = client(program, 'monitors', 'what the server watches, and what is wrong')
    .option('--ended [n]', 'list incidents that have ended, the latest first', wholeNumber)
    .action(async (options) => done(await monitors(options)));
  client(list, 'mute', 'send nothing about new incidents of a monitor for a while')
    .argument('<name>', 'the monitor')
    .option('--for <duration>', 'such as 30m, 2h or 3d', '1h')
    .option('--reason <text>', 'why; recorded with who')
    .action((name, options) => muteMonitor(name, options));
  client(list, 'unmute', 'unmute a monitor; alerts of incidents that still fire are sent')
    .argument('<name>', 'the monitor')
    .action((name, options) => unmuteMonitor(name, options));
  client(program, 'check', 'judge monitors or thresholds once, for cron and CI')
    .option('--config <file>', 'pik.config.ts with monitors')
    .option('--monitor <name>', 'only this monitor of the config; may be given several times', many)
    .option('--source <source>', 'only this source')
    .option('--type <type>', 'only this event type')
    .option('--silent-after <duration>', 'wrong if --source sent nothing new for this long, such as 2h')
    .option('--silence', 'wrong if a series is silent for longer than chance explains')
    .option('--gaps', 'wrong if a gap ended within the last day')
    .option('--completeness', 'wrong if a day is forecast to stay below the usual')
    .option('--duplicates', 'wrong if a series repeats far more than usual')
    .option('--drift', 'wrong if payloads have changed in the last day')
    .option('--max-lag <duration>', 'wrong if the p95 of the lag is longer')
    .option('--max-late <share>', 'wrong if a larger share, 0 to 1, is more than two hours late')
    .option('--max-failures <n>', 'wrong if more receipts than this fail for one cause', wholeNumber)
    .option('--max-failure-share <share>', 'wrong if a larger share of receipts, 0 to 1, fails for one cause')
    .option('--within <duration>', 'for lag and failures: judge only what was received within this time')
    .action(async (options) => done(await (await import('./commands/check.ts')).check(options)));
}
