import { constants } from 'node:fs';
import { dirname } from 'node:path';

// A disk in memory behind the calls of `node:fs/promises` that the backend makes. It keeps written and fsynced data
// apart, for the content of files and for the names in folders, and loses unsynced data when the power fails.

/** The fault of one call; calls are numbered from 1. */
export interface DiskFault {
  readonly call: number;
  /** `power`: nothing after this call has an effect. `error`: the call fails and has none. `short`: a write takes half. */
  readonly kind: 'power' | 'error' | 'short';
}

interface SimFile {
  content: Buffer;
  synced: Buffer;
}

interface SimFolder {
  names: Map<string, SimFile | SimFolder>;
  synced: Map<string, SimFile | SimFolder>;
}

function isFolder(entry: SimFile | SimFolder | undefined): entry is SimFolder {
  return entry !== undefined && 'names' in entry;
}

const emptyFolder = (): SimFolder => ({ names: new Map(), synced: new Map() });

/** The disk. */
export class SimDisk {
  readonly #root = emptyFolder();
  #faults = new Map<number, DiskFault['kind']>();
  #count = 0;
  #isOff = false;
  /** The names of the calls that failed. */
  readonly failed: string[] = [];

  /** Folders that exist and are durable from the start. */
  constructor(folders: readonly string[]) {
    for (const folder of folders) this.#makeFolders(folder);
    this.#syncAll(this.#root);
  }

  /** Restarts the count of calls, and makes the given ones fail. */
  plan(faults: readonly DiskFault[]): void {
    this.#faults = new Map(faults.map(({ call, kind }) => [call, kind]));
    this.#count = 0;
  }

  /** Number of calls since the last plan. */
  get count(): number {
    return this.#count;
  }

  /** The power fails and returns. `survives` decides for each unsynced write or name whether it survives. */
  losePower(survives: () => boolean): void {
    this.#lose(this.#root, survives);
    this.#isOff = false;
    this.plan([]);
  }

  /** The names in a folder, as they are now. */
  list(path: string): string[] {
    return [...this.#folder(path).names.keys()];
  }

  /** The functions that replace `node:fs/promises`. */
  readonly calls = {
    open: (path: string, flags: number) => this.#call('open', () => this.#open(path, flags)),
    mkdir: (path: string) => this.#call('mkdir', () => void this.#makeFolders(path)),
    link: (from: string, to: string) =>
      this.#call('link', () => {
        const folder = this.#folder(dirname(to));
        if (folder.names.has(nameOf(to))) throw coded('EEXIST');
        folder.names.set(nameOf(to), this.#file(from));
      }),
    unlink: (path: string) =>
      this.#call('unlink', () => {
        this.#file(path);
        this.#folder(dirname(path)).names.delete(nameOf(path));
      }),
    readFile: (path: string) => this.#call('readFile', () => Buffer.from(this.#file(path).content)),
    access: (path: string) =>
      this.#call('access', () => {
        if (this.#find(path) === undefined) throw coded('ENOENT');
      }),
  };

  #open(path: string, flags: number) {
    if ((flags & constants.O_CREAT) === 0) {
      const folder = this.#folder(path);
      return this.#handle(() => {
        folder.synced = new Map(folder.names);
      });
    }
    const folder = this.#folder(dirname(path));
    if (folder.names.has(nameOf(path))) throw coded('EEXIST');
    const file: SimFile = { content: Buffer.alloc(0), synced: Buffer.alloc(0) };
    folder.names.set(nameOf(path), file);
    return this.#handle(() => {
      file.synced = file.content;
    }, file);
  }

  #handle(sync: () => void, file?: SimFile) {
    return {
      write: (bytes: Uint8Array, offset: number, length: number) =>
        this.#call('write', (kind) => {
          const bytesWritten = kind === 'short' ? Math.ceil(length / 2) : length;
          const taken = bytes.subarray(offset, offset + bytesWritten);
          if (file !== undefined) file.content = Buffer.concat([file.content, taken]);
          return { bytesWritten };
        }),
      sync: () => this.#call('sync', sync),
      close: () => this.#call('close', () => undefined),
    };
  }

  async #call<T>(name: string, effect: (kind: DiskFault['kind'] | undefined) => T): Promise<T> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isOff) throw coded('EIO');
    this.#count += 1;
    const kind = this.#faults.get(this.#count);
    if (kind === 'error') {
      this.failed.push(name);
      throw coded('EIO');
    }
    const result = effect(kind);
    if (kind === 'power') {
      this.#isOff = true;
      throw coded('EIO');
    }
    return result;
  }

  #makeFolders(path: string): void {
    let at = this.#root;
    for (const name of partsOf(path)) {
      const next = at.names.get(name) ?? emptyFolder();
      if (!isFolder(next)) throw coded('ENOTDIR');
      at.names.set(name, next);
      at = next;
    }
  }

  #syncAll(folder: SimFolder): void {
    folder.synced = new Map(folder.names);
    for (const entry of folder.names.values()) if (isFolder(entry)) this.#syncAll(entry);
  }

  #lose(folder: SimFolder, survives: () => boolean): void {
    const names = new Map<string, SimFile | SimFolder>();
    for (const name of new Set([...folder.names.keys(), ...folder.synced.keys()])) {
      const [now, before] = [folder.names.get(name), folder.synced.get(name)];
      const kept = now === before || !survives() ? before : now;
      if (kept !== undefined) names.set(name, kept);
    }
    folder.names = names;
    folder.synced = new Map(names);
    for (const entry of names.values()) {
      if (isFolder(entry)) this.#lose(entry, survives);
      else {
        if (entry.content !== entry.synced && !survives()) entry.content = entry.synced;
        entry.synced = entry.content;
      }
    }
  }

  #find(path: string): SimFile | SimFolder | undefined {
    let at: SimFile | SimFolder | undefined = this.#root;
    for (const name of partsOf(path)) at = isFolder(at) ? at.names.get(name) : undefined;
    return at;
  }

  #folder(path: string): SimFolder {
    const found = this.#find(path);
    if (!isFolder(found)) throw coded('ENOENT');
    return found;
  }

  #file(path: string): SimFile {
    const found = this.#find(path);
    if (found === undefined || isFolder(found)) throw coded('ENOENT');
    return found;
  }
}

function nameOf(path: string): string {
  return path.slice(dirname(path).length + 1);
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
