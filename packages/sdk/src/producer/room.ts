import type { Settings } from './settings.ts';

/** `ready` resolves while fewer batches than this wait beyond those in flight. */
const READY_BATCHES = 2;

type Limits = Pick<
  Settings,
  'bufferCountMax' | 'bufferBytesMax' | 'batchCountMax' | 'batchBytesMax' | 'requestsInFlightMax'
>;

/** Events that wait or are in flight, and how many more the producer takes. */
export class Room {
  count = 0;
  #chars = 0;
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    const { bufferCountMax, bufferBytesMax } = this.#limits;
    return this.count >= bufferCountMax || this.#chars >= bufferBytesMax;
  }

  /** True while fewer than two batches are buffered beyond those in flight: enough to keep every request slot busy. */
  get isReady(): boolean {
    const { batchCountMax, batchBytesMax, requestsInFlightMax } = this.#limits;
    const batches = requestsInFlightMax + READY_BATCHES;
    return !this.isFull && this.count < batches * batchCountMax && this.#chars < batches * batchBytesMax;
  }

  take(chars: number): void {
    this.count += 1;
    this.#chars += chars;
  }

  free(chars: number, count = 1): void {
    this.count -= count;
    this.#chars -= chars;
  }
}
