import pc from 'picocolors';

/**
 * True if text is coloured, decided once: `NO_COLOR` turns colours off, `FORCE_COLOR` on (except `0`), otherwise
 * standard output must be a terminal with colours. A build server that sets `CI` does not count as one: its captured
 * output is read as a file.
 */
function coloured(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return process.stdout.isTTY === true && TERM !== 'dumb';
}

/** Functions that colour text, or return it unchanged if colours are off. */
export const { bold, dim, red, green, yellow, magenta, cyan } = pc.createColors(coloured());
