import { signal } from '@preact/signals';

/** True after `v`: every picture of the page has its table below it. */
export const tableWanted = signal(false);
