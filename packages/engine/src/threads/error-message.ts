import { type ErrorCode, KitError } from '@pik/schema';

/** An error as it passes between threads: a copy would lose the code. */
export interface ErrorMessage {
  /** Absent if it is not an error of the kit. */
  readonly code?: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly path?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: ErrorMessage | undefined;
}

/** As deep as the log describes causes. */
const CAUSES_MAX = 4;

/** The message of an error. */
export function toErrorMessage(error: unknown, depth = 0): ErrorMessage {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack, cause } = error;
  const { code, path, retryAfterMs } = KitError.is(error) ? error : ({} as Partial<KitError>);
  const next = cause === undefined || depth === CAUSES_MAX ? undefined : toErrorMessage(cause, depth + 1);
  return { code, name, message, stack, path, retryAfterMs, cause: next };
}

/** The error of a message, with the stack of the thread that threw it. */
export function fromErrorMessage({ code, name, message, stack, path, retryAfterMs, cause }: ErrorMessage): Error {
  const options = cause === undefined ? {} : { cause: fromErrorMessage(cause) };
  const error =
    code === undefined
      ? Object.assign(new Error(message, options), { name })
      : new KitError(code, message, { ...options, path, retryAfterMs });
  if (stack !== undefined) error.stack = stack;
  return error;
}
