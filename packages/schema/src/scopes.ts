/** The permissions of an API key. A key with `ingest` can read nothing; a key with `investigate` can write nothing. */
export const SCOPES = ['ingest', 'import', 'investigate', 'replay'] as const;

/** A permission of an API key. */
export type Scope = (typeof SCOPES)[number];
