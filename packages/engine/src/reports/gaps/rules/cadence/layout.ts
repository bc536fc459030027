import type { SlotScheme } from './slots.ts';

/** From this window on the slot of window `t` is `(t + phase) mod cycle`, until the next turn. */
export interface Turn {
  readonly from: number;
  readonly phase: number;
}

/** Windows of one block that follow one turn. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly phase: number;
  readonly block: number;
}

/** Sums over the windows before one. */
export type SumsTo = (window: number) => number;

/**
 * Which cell each window of a life belongs to: a slot of the cycle in a block of the life. All windows of a cell are alike,
 * so sums over windows are sums over cells, and a stretch of empty windows costs no more than its ends.
 */
export class Layout {
  readonly cycle: number;
  readonly blocks: number;
  readonly #pieces: readonly Piece[];

  /** `bounds` are the first window of each block, then the number of windows. */
  constructor({ cycle }: SlotScheme, turns: readonly Turn[], bounds: readonly number[]) {
    this.cycle = cycle;
    this.blocks = bounds.length - 1;
    this.#pieces = piecesOf(turns, bounds);
  }

  get cells(): number {
    return this.blocks * this.cycle;
  }

  cellAt(window: number): number {
    const piece = this.#pieces[this.#pieceAt(window)] as Piece;
    return piece.block * this.cycle + slotIn(piece, window, this.cycle);
  }

  /** Calls `visit` with each window of a span and its cell, in order. */
  walk(from: number, to: number, visit: (window: number, cell: number) => void): void {
    for (let p = this.#pieceAt(from); p < this.#pieces.length; p++) {
      const piece = this.#pieces[p] as Piece;
      if (piece.from >= to) return;
      const first = Math.max(from, piece.from);
      let slot = slotIn(piece, first, this.cycle);
      for (let t = first; t < Math.min(to, piece.to); t++) {
        visit(t, piece.block * this.cycle + slot);
        slot = slot + 1 === this.cycle ? 0 : slot + 1;
      }
    }
  }

  /** Adds to each cell `sign` times how many windows of the span it has. */
  tally(into: Float64Array, [from, to]: readonly [number, number], sign: 1 | -1): void {
    for (let p = this.#pieceAt(from); p < this.#pieces.length; p++) {
      const piece = this.#pieces[p] as Piece;
      if (piece.from >= to) return;
      const first = Math.max(from, piece.from);
      const length = Math.min(to, piece.to) - first;
      const rounds = Math.floor(length / this.cycle);
      const base = piece.block * this.cycle;
      if (rounds > 0) for (let s = 0; s < this.cycle; s++) into[base + s] = (into[base + s] ?? 0) + sign * rounds;
      let slot = slotIn(piece, first, this.cycle);
      for (let i = rounds * this.cycle; i < length; i++) {
        into[base + slot] = (into[base + slot] ?? 0) + sign;
        slot = slot + 1 === this.cycle ? 0 : slot + 1;
      }
    }
  }

  /** Sums of a value per cell over all windows before a given one. */
  sums(values: Float64Array): SumsTo {
    const { cycle } = this;
    // Before each slot of each block, and then the whole cycle of the block.
    const within = new Float64Array(this.blocks * (cycle + 1));
    for (let block = 0; block < this.blocks; block++)
      for (let s = 0; s < cycle; s++) {
        const at = block * (cycle + 1) + s;
        within[at + 1] = (within[at] ?? 0) + (values[block * cycle + s] ?? 0);
      }
    const inPiece = (piece: Piece, window: number): number => {
      const base = piece.block * (cycle + 1);
      const total = within[base + cycle] ?? 0;
      const length = window - piece.from;
      const first = slotIn(piece, piece.from, cycle);
      const end = first + (length % cycle);
      const part =
        end <= cycle
          ? (within[base + end] ?? 0) - (within[base + first] ?? 0)
          : total - (within[base + first] ?? 0) + (within[base + end - cycle] ?? 0);
      return Math.floor(length / cycle) * total + part;
    };
    const before = new Float64Array(this.#pieces.length + 1);
    for (const [i, piece] of this.#pieces.entries()) before[i + 1] = (before[i] ?? 0) + inPiece(piece, piece.to);
    return (window) => {
      const at = this.#pieceAt(window);
      return (before[at] ?? 0) + inPiece(this.#pieces[at] as Piece, window);
    };
  }

  /** The last piece that starts at or before a window. */
  #pieceAt(window: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle] as Piece).from <= window) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const slotIn = ({ phase }: Piece, window: number, cycle: number) => (((window + phase) % cycle) + cycle) % cycle;

function piecesOf(turns: readonly Turn[], bounds: readonly number[]): Piece[] {
  const pieces: Piece[] = [];
  const end = bounds.at(-1) ?? 0;
  const cuts = [...new Set([...turns.map(({ from }) => from), ...bounds])].filter((cut) => cut < end);
  cuts.sort((a, b) => a - b);
  let turn = 0;
  let block = 0;
  for (const [i, from] of cuts.entries()) {
    while ((turns[turn + 1]?.from ?? Number.POSITIVE_INFINITY) <= from) turn += 1;
    while ((bounds[block + 1] ?? Number.POSITIVE_INFINITY) <= from) block += 1;
    pieces.push({ from, to: cuts[i + 1] ?? end, phase: turns[turn]?.phase ?? 0, block });
  }
  return pieces;
}
