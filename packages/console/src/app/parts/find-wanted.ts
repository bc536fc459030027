import { signal } from '@preact/signals';

/** True from the key `/` until the field of the page Find has the focus. */
export const findWanted = signal(false);
