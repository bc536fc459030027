import { dirname } from 'node:path';

import type { Files } from '../../../src/outbox/files.ts';

// A file system in memory that loses unsynced data: file contents and folder entries separately, as a disk does on
// power loss. Each call of a process can fail, take fewer bytes, or be the last thing that the process does.

/** A fault at one call, numbered from 1 over the calls of one process. */
export interface Fault {
  readonly call: number;
  readonly kind: 'crash-before' | 'crash-after' | 'fail-before' | 'fail-after' | 'short' | 'full';
}

/** How a process ends: `kill` keeps the kernel's state, `power` only the synced data and some of the rest. */
export type Ending = 'kill' | 'power';

interface Inode {
  content: Buffer;
  durable: Buffer;
  /** Unsynced changes, in order. */
  writes: { position: number; bytes: Buffer }[];
}

interface Folder {
  names: Map<string, Inode | Folder>;
  durable: Map<string, Inode | Folder>;
}

function isFolder(entry: Inode | Folder | undefined): entry is Folder {
  return entry !== undefined && 'names' in entry;
}

/** A disk, used by one process at a time. */
export class SimDisk {
  readonly #root: Folder = { names: new Map(), durable: new Map() };
  /** Numbers from 0 to 1 that decide which unsynced data survives. */
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The files as a new process sees them. */
  start(faults: readonly Fault[] = []): SimProcess {
    return new SimProcess(this.#root, faults);
  }

  /**
   * Power loss: each unsynced write survives fully, partly or not at all, and each unsynced name is the old or the new
   * one.
   */
  losePower(): void {
    this.#lose(this.#root);
  }

  #lose(folder: Folder): void {
    for (const name of new Set([...folder.names.keys(), ...folder.durable.keys()])) {
      const [now, then] = [folder.names.get(name), folder.durable.get(name)];
      const kept = now === then || this.#random() < 0.5 ? then : now;
      if (kept === undefined) folder.names.delete(name);
      else folder.names.set(name, kept);
    }
    folder.durable = new Map(folder.names);
    for (const entry of folder.names.values()) {
      if (isFolder(entry)) this.#lose(entry);
      else this.#loseContent(entry);
    }
  }

  #loseContent(inode: Inode): void {
    let content = inode.durable;
    for (const { position, bytes } of inode.writes) {
      const kind = this.#random();
      const survives = kind < 0.3 ? 0 : kind < 0.7 ? bytes.length : Math.floor(this.#random() * bytes.length);
      if (survives > 0) content = patched(content, position, bytes.subarray(0, survives));
    }
    inode.content = Buffer.from(content);
    inode.durable = inode.content;
    inode.writes = [];
  }
}

/** The file operations of one process. After its end they never return. */
export class SimProcess implements Files {
  readonly #root: Folder;
  readonly #faults: ReadonlyMap<number, Fault['kind']>;
  readonly #open = new Map<number, Inode>();
  #nextFd = 3;
  #isOver = false;
  #end: () => void = () => undefined;
  /** Resolves when a fault ends the process. */
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  calls = 0;
  /** Decides the fault of a call by its name. */
  faultOf: (name: string) => Fault['kind'] | undefined = () => undefined;
  /** Whether a failed fsync has dropped data that reads still see. */
  hasDropped = false;
  /** The names of all calls, in order. */
  readonly log: string[] = [];

  constructor(root: Folder, faults: readonly Fault[]) {
    this.#root = root;
    this.#faults = new Map(faults.map(({ call, kind }) => [call, kind]));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls of this process no longer have an effect. */
  end(): void {
    this.#isOver = true;
    this.#end();
  }

  makeDir(path: string) {
    return this.#call('makeDir', () => {
      let at = this.#root;
      for (const name of partsOf(path)) {
        const next = at.names.get(name) ?? { names: new Map(), durable: new Map() };
        at.names.set(name, next);
        // The real implementation syncs the parents of the new folder.
        at.durable.set(name, next);
        at = next as Folder;
      }
    });
  }

  list(dir: string) {
    return this.#call('list', () => [...(this.#folder(dir)?.names.keys() ?? [])]);
  }

  syncDir(dir: string) {
    return this.#call('syncDir', () => {
      const folder = this.#folder(dir);
      if (folder === null) throw coded('ENOENT');
      folder.durable = new Map(folder.names);
    });
  }

  open(path: string, mode: 'new' | 'existing') {
    return this.#call(`open ${mode}`, () => {
      const folder = this.#folder(dirname(path));
      const name = path.slice(dirname(path).length + 1);
      const found = folder?.names.get(name);
      if (folder === null || (found === undefined && mode === 'existing')) throw coded('ENOENT');
      if (found !== undefined && mode === 'new') throw coded('EEXIST');
      const inode = (found as Inode | undefined) ?? { content: Buffer.alloc(0), durable: Buffer.alloc(0), writes: [] };
      folder.names.set(name, inode);
      const fd = this.#nextFd++;
      this.#open.set(fd, inode);
      return fd;
    });
  }

  read(fd: number, into: Uint8Array, position: number) {
    return this.#call('read', () => this.#inode(fd).content.copy(into, 0, position));
  }

  write(fd: number, bytes: Uint8Array, position: number) {
    return this.#call('write', (kind) => this.#write(fd, bytes, { position, kind }));
  }

  sync(fd: number) {
    return this.#call('sync', (kind) => this.#sync(fd, kind));
  }

  truncate(fd: number, length: number) {
    return this.#call('truncate', () => {
      const inode = this.#inode(fd);
      inode.content = inode.content.subarray(0, length);
      inode.durable = inode.durable.subarray(0, length);
      inode.writes = inode.writes.filter(({ position, bytes }) => position + bytes.length <= length);
    });
  }

  close(fd: number) {
    return this.#call('close', () => {
      if (!this.#open.delete(fd)) throw coded('EBADF');
    });
  }

  size(path: string) {
    return this.#call('size', () => this.#existing(path).content.length);
  }

  unlink(path: string) {
    return this.#call('unlink', () => {
      this.#existing(path);
      this.#folder(dirname(path))?.names.delete(path.slice(dirname(path).length + 1));
    });
  }

  writeSync(fd: number, bytes: Uint8Array, position: number): number {
    return this.#write(fd, bytes, { position, kind: undefined });
  }

  syncSync(fd: number): void {
    this.#sync(fd, undefined);
  }

  #write(fd: number, bytes: Uint8Array, { position, kind }: { position: number; kind: Fault['kind'] | undefined }) {
    const taken = kind === 'short' ? Math.ceil(bytes.length / 2) : kind === 'full' ? bytes.length >> 1 : bytes.length;
    const inode = this.#inode(fd);
    const written = Buffer.from(bytes.subarray(0, taken));
    inode.content = patched(inode.content, position, written);
    inode.writes.push({ position, bytes: written });
    if (kind === 'full') throw coded('ENOSPC');
    return taken;
  }

  /** A failed fsync drops the pages: reads still see them, but no later fsync makes them durable. */
  #sync(fd: number, kind: Fault['kind'] | undefined): void {
    const inode = this.#inode(fd);
    if (kind === 'full' && inode.writes.length > 0) this.hasDropped = true;
    if (kind !== 'full') {
      for (const { position, bytes } of inode.writes) inode.durable = patched(inode.durable, position, bytes);
    }
    inode.writes = [];
    if (kind === 'full') throw coded('EIO');
  }

  async #call<T>(name: string, effect: (kind: Fault['kind'] | undefined) => T): Promise<T> {
    if (this.#isOver) return new Promise(() => undefined);
    this.calls += 1;
    this.log.push(name);
    const kind = this.#faults.get(this.calls) ?? this.faultOf(name);
    // Like real calls, it returns in a later turn; the process may have ended by then.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isOver) return new Promise(() => undefined);
    if (kind === 'crash-before') return this.#over();
    if (kind === 'fail-before') throw coded('EIO');
    const result = effect(kind);
    if (kind === 'crash-after') return this.#over();
    if (kind === 'fail-after') throw coded('EIO');
    return result;
  }

  #over(): Promise<never> {
    this.end();
    return new Promise(() => undefined);
  }

  #folder(path: string): Folder | null {
    let at: Inode | Folder | undefined = this.#root;
    for (const name of partsOf(path)) at = isFolder(at) ? at.names.get(name) : undefined;
    return isFolder(at) ? at : null;
  }

  #existing(path: string): Inode {
    const found = this.#folder(dirname(path))?.names.get(path.slice(dirname(path).length + 1));
    if (found === undefined || isFolder(found)) throw coded('ENOENT');
    return found;
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd);
    if (inode === undefined) throw coded('EBADF');
    return inode;
  }
}

function patched(content: Buffer, position: number, bytes: Buffer): Buffer {
  const result = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(result);
  bytes.copy(result, position);
  return result;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
