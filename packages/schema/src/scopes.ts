/**
 * The permissions of a caller. `ingest` reads nothing and `import` also claims receive times; `investigate` writes nothing. `sensitive`
 * opens no route: with `investigate`, answers show what a mask hides. `replay` sends past events again, `operate` mutes monitors,
 * `erase` erases and holds data, and `audit` reads who did what.
 */
export const SCOPES = ['ingest', 'import', 'investigate', 'sensitive', 'replay', 'operate', 'erase', 'audit'] as const;

/** A permission of a caller. */
export type Scope = (typeof SCOPES)[number];
