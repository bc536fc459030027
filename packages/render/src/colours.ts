import pc from 'picocolors';

/**
 * Whether text is coloured, decided once: `NO_COLOR` forbids it, `FORCE_COLOR` asks for it (`0` does not),
 * otherwise standard output must be a terminal that can. A build server that sets `CI` is none: what it captures is read as a file.
 */
function coloured(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return process.stdout.isTTY === true && TERM !== 'dumb';
}

/** Writers of coloured text, or of plain text where none is wanted. */
export const { bold, dim, red, green, yellow, magenta, cyan } = pc.createColors(coloured());
