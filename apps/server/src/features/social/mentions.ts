/** Who a text speaks to: contract §8, "A mention is `@` and the longest existing id of `[A-Za-z0-9_.-]`". Pure. */

const MENTION = /@([A-Za-z0-9_.-]{1,64})/g;
// A text that names more than so many people speaks to nobody.
const MENTIONS_A_TEXT = 50;

/** What follows each `@` and could be an id, or begin with one; each once, at most 50. */
export function mentionRuns(text: string): string[] {
  const runs = new Set<string>();
  if (!text.includes('@')) return [];
  for (const [, run] of text.matchAll(MENTION)) {
    runs.add(run!);
    if (runs.size === MENTIONS_A_TEXT) break;
  }
  return [...runs];
}

/** The ids that such a run may mean, the longest first. */
export function idsMeantBy(run: string): string[] {
  return Array.from({ length: run.length }, (_, i) => run.slice(0, run.length - i));
}
