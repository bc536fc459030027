import { InvalidArgumentError } from 'commander';

/** Checks that an option is a whole number; returns it as text. */
export function wholeNumber(value: string): string {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.');
  return value;
}
