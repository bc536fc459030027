// Empties the package's `dist`. Where a package has two builds, the one that empties it may come after the other has written.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
