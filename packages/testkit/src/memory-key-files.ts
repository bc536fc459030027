import type { KeyFiles } from '@pik/engine/internals';

/** The fault of one write; the calls of `create`, `write`, `sync`, `rename`, `remove` and `syncFolder` are counted from 1. */
export interface KeyFileFault {
  readonly call: number;
  /** `stop`: nothing after this call has an effect until the next plan or loss of power. `error`: the call fails and has none. `half`: a write fails half-way. */
  readonly kind: 'stop' | 'error' | 'half';
}

interface MemoryFile {
  content: Buffer;
  /** The number of bytes that are durable. */
  synced: number;
}

/** The files of a key index in memory. They lose unsynced data and names when the power fails, and fail on demand. */
export interface MemoryKeyFiles extends KeyFiles {
  /** The number of counted calls since the last plan. */
  readonly calls: number;
  /** Restarts the count of calls, and makes the given ones fail. */
  plan(faults: readonly KeyFileFault[]): void;
  /** The power fails and returns. `survives` decides for each unsynced name and for the unsynced bytes of each file. */
  losePower(survives: (name: string) => boolean): void;
  /** The bytes of a file, to damage them. */
  bytesOf(name: string): Buffer;
  /** Cuts a file. */
  cut(name: string, bytes: number): void;
  /** The number of files that are open for reading. */
  readonly openFiles: number;
}

/** Empty files in memory. */
export function createMemoryKeyFiles(): MemoryKeyFiles {
  const disk = new MemoryDisk();
  return {
    get calls() {
      return disk.calls;
    },
    get openFiles() {
      return disk.openFiles;
    },
    plan: (faults) => disk.plan(faults),
    losePower: (survives) => disk.losePower(survives),
    bytesOf: (name) => disk.file(name).content,
    cut(name, bytes) {
      const file = disk.file(name);
      file.content = Buffer.from(file.content.subarray(0, bytes));
    },
    list: () => [...disk.names.keys()],
    read: (name) => disk.names.get(name)?.content ?? null,
    open: (name) => disk.open(name),
    create: (name) => disk.create(name),
    rename: (from, to) =>
      disk.call(() => {
        const file = disk.file(from);
        disk.names.delete(from);
        disk.names.set(to, file);
      }),
    remove: (name) => disk.call(() => void disk.names.delete(name)),
    syncFolder: () =>
      disk.call(() => {
        disk.syncedNames = new Map(disk.names);
      }),
  };
}

class MemoryDisk {
  names = new Map<string, MemoryFile>();
  syncedNames = new Map<string, MemoryFile>();
  calls = 0;
  openFiles = 0;
  #faults = new Map<number, KeyFileFault['kind']>();
  #isStopped = false;

  plan(faults: readonly KeyFileFault[]): void {
    this.#faults = new Map(faults.map(({ call, kind }) => [call, kind]));
    this.calls = 0;
    this.#isStopped = false;
  }

  losePower(survives: (name: string) => boolean): void {
    const kept = new Map<string, MemoryFile>();
    for (const name of new Set([...this.names.keys(), ...this.syncedNames.keys()])) {
      const [now, before] = [this.names.get(name), this.syncedNames.get(name)];
      const file = now === before || survives(name) ? now : before;
      if (file !== undefined) kept.set(name, file);
    }
    for (const [name, file] of kept) {
      if (!survives(name)) file.content = Buffer.from(file.content.subarray(0, file.synced));
      file.synced = file.content.length;
    }
    this.names = kept;
    this.syncedNames = new Map(kept);
    this.plan([]);
  }

  file(name: string): MemoryFile {
    const file = this.names.get(name);
    if (file === undefined) throw coded('ENOENT');
    return file;
  }

  open(name: string) {
    const file = this.file(name);
    this.openFiles += 1;
    let isClosed = false;
    return {
      size: file.content.length,
      read(into: Uint8Array, position: number) {
        if (isClosed) throw coded('EBADF');
        const bytes = file.content.subarray(position, position + into.length);
        if (bytes.length < into.length) throw coded('EIO');
        into.set(bytes);
      },
      close: () => {
        isClosed = true;
        this.openFiles -= 1;
      },
    };
  }

  async create(name: string) {
    const file: MemoryFile = { content: Buffer.alloc(0), synced: 0 };
    await this.call(() => {
      if (this.names.has(name)) throw coded('EEXIST');
      this.names.set(name, file);
    });
    return {
      write: (bytes: Uint8Array) =>
        this.call((kind) => {
          const taken = kind === 'half' ? bytes.subarray(0, bytes.length >> 1) : bytes;
          file.content = Buffer.concat([file.content, taken]);
        }),
      sync: () =>
        this.call(() => {
          file.synced = file.content.length;
        }),
      async close() {},
    };
  }

  async call(effect: (kind: KeyFileFault['kind'] | undefined) => void): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isStopped) throw coded('EIO');
    this.calls += 1;
    const kind = this.#faults.get(this.calls);
    if (kind !== 'error') effect(kind);
    if (kind === 'stop') this.#isStopped = true;
    if (kind !== undefined) throw coded(kind === 'half' ? 'ENOSPC' : 'EIO');
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
