import type { DatabaseSync, StatementSync } from 'node:sqlite';

// A disk in memory that keeps what was fsynced apart from what was only written. Folders keep the changes of their names
// in order: after a loss of power any of those that were not synced may be missing, but a rename has happened completely or not at all.

/** A file. The content of a database is its connection; its bytes are then only a header. */
export interface SimFile {
  content: Buffer;
  /** The content that survives a loss of power. */
  synced: Buffer;
  /** True once a sync has failed: what was written before then is never durable. */
  isSpoilt: boolean;
  database: SimStore | null;
}

/** The content of a database file, which outlives the processes that open it. */
export interface SimStore {
  readonly db: DatabaseSync;
  /** Prepared statements, by their text. */
  readonly statements: Map<string, StatementSync>;
  /** The process that holds its exclusive lock. */
  lockedBy: { readonly isDead: boolean } | null;
}

/** A folder. */
export interface SimFolder {
  names: Map<string, SimNode>;
  /** The names that survive a loss of power. */
  synced: Map<string, SimNode>;
  /** The changes since then, in order. */
  changes: NameChange[];
}

/** A file or a folder. */
export type SimNode = SimFile | SimFolder;

/** A change of names that becomes durable completely or not at all. */
interface NameChange {
  readonly set: readonly (readonly [name: string, node: SimNode | null])[];
  /** Shared by the two halves of a rename between folders, which survive together. */
  readonly id: number;
}

/** True for a folder. */
export function isFolder(node: SimNode | undefined): node is SimFolder {
  return node !== undefined && 'names' in node;
}

/** An error with the code of the operating system. */
export function coded(code: string, what = ''): Error {
  return Object.assign(new Error(`${code} ${what}`.trim()), { code });
}

/** Decides which unsynced data survives a loss of power. */
export interface Survival {
  /** True if a change of names survives. */
  name(): boolean;
  /** How many of the unsynced bytes of a file survive. */
  bytes(unsynced: number): number;
}

/** The disk. All calls take effect at once; `platform/` says when a process makes them. */
export class SimDisk {
  root: SimFolder = emptyFolder();
  #changes = 0;

  /** The node at a path. */
  find(path: string): SimNode | undefined {
    let at: SimNode | undefined = this.root;
    for (const part of partsOf(path)) at = isFolder(at) ? at.names.get(part) : undefined;
    return at;
  }

  /** The folder at a path. Throws ENOENT. */
  folder(path: string): SimFolder {
    const found = this.find(path);
    if (!isFolder(found)) throw coded(found === undefined ? 'ENOENT' : 'ENOTDIR', path);
    return found;
  }

  /** The file at a path. Throws ENOENT. */
  file(path: string): SimFile {
    const found = this.find(path);
    if (found === undefined) throw coded('ENOENT', path);
    if (isFolder(found)) throw coded('EISDIR', path);
    return found;
  }

  /** Creates a new file. Throws EEXIST. */
  create(path: string): SimFile {
    if (this.find(path) !== undefined) throw coded('EEXIST', path);
    const file: SimFile = { content: Buffer.alloc(0), synced: Buffer.alloc(0), isSpoilt: false, database: null };
    this.#change(path, file);
    return file;
  }

  /** Creates a folder and those above it. */
  makeFolders(path: string): void {
    let at = '';
    for (const part of partsOf(path)) {
      at += `/${part}`;
      const found = this.find(at);
      if (found === undefined) this.#change(at, emptyFolder());
      else if (!isFolder(found)) throw coded('ENOTDIR', at);
    }
  }

  /** Gives a file a second name. Throws EEXIST. */
  link(from: string, to: string): void {
    const file = this.file(from);
    if (this.find(to) !== undefined) throw coded('EEXIST', to);
    this.#change(to, file);
  }

  /** Removes the name of a file. */
  unlink(path: string): void {
    this.file(path);
    this.#change(path, null);
  }

  /** Removes the file or folder with a name, if there is one. */
  remove(path: string): void {
    if (this.find(path) !== undefined) this.#change(path, null);
  }

  /** Moves a file or folder in one step, in place of a file that has the name. */
  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw coded('ENOENT', from);
    const id = ++this.#changes;
    const [source, target] = [this.folder(parentOf(from)), this.folder(parentOf(to))];
    if (source === target) {
      apply(source, {
        set: [
          [nameOf(from), null],
          [nameOf(to), node],
        ],
        id,
      });
      return;
    }
    apply(target, { set: [[nameOf(to), node]], id });
    apply(source, { set: [[nameOf(from), null]], id });
  }

  /** Makes the content of a file durable, unless a sync of it has failed before. */
  syncFile(file: SimFile): void {
    if (!file.isSpoilt) file.synced = file.content;
  }

  /** Makes the names in a folder durable. */
  syncFolder(folder: SimFolder): void {
    folder.synced = new Map(folder.names);
    folder.changes = [];
  }

  /** Forgets what was not synced, except what survives by chance. */
  losePower(survival: Survival): void {
    const decided = new Map<number, boolean>();
    const survives = (id: number) => {
      const known = decided.get(id) ?? survival.name();
      decided.set(id, known);
      return known;
    };
    this.#lose(this.root, survives, survival);
  }

  #lose(folder: SimFolder, survives: (id: number) => boolean, survival: Survival): void {
    if (folder.changes.length > 0) {
      const names = new Map(folder.synced);
      for (const change of folder.changes) if (survives(change.id)) setNames(names, change);
      folder.names = names;
    }
    this.syncFolder(folder);
    for (const node of folder.names.values()) {
      if (isFolder(node)) this.#lose(node, survives, survival);
      else loseContent(node, survival);
    }
  }

  #change(path: string, node: SimNode | null): void {
    apply(this.folder(parentOf(path)), { set: [[nameOf(path), node]], id: ++this.#changes });
  }
}

function loseContent(file: SimFile, survival: Survival): void {
  const { content, synced } = file;
  file.isSpoilt = false;
  if (content === synced || file.database !== null) return;
  const isAppended = content.length >= synced.length && content.subarray(0, synced.length).equals(synced);
  // A rewritten file has either content; one that grew may have grown by a part.
  const kept = survival.bytes(isAppended ? content.length - synced.length : content.length);
  if (isAppended) file.content = content.subarray(0, synced.length + kept);
  else file.content = kept === 0 ? synced : content.subarray(0, kept);
  file.synced = file.content;
}

function apply(folder: SimFolder, change: NameChange): void {
  setNames(folder.names, change);
  folder.changes.push(change);
}

function setNames(names: Map<string, SimNode>, { set }: NameChange): void {
  for (const [name, node] of set) {
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
}

function emptyFolder(): SimFolder {
  return { names: new Map(), synced: new Map(), changes: [] };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return partsOf(path).at(-1) ?? '';
}

/** The path of the folder that holds a path. */
export function parentOf(path: string): string {
  return `/${partsOf(path).slice(0, -1).join('/')}`;
}
