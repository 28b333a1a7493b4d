import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Makes a folder and the parents that it lacks, for the server's user only. @throws {Error} the system's, where one cannot be made */
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  // Not Node's recursive mode: it tries for ever where a parent is there and nothing can be made in it (/proc).
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have been faster.
    if (!isFolder(folder)) throw error;
  }
}
