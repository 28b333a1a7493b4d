/** The first letter of the first two words, as a reader would count letters. Arabic names join, so there it is one. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => Array.from(word)[0] ?? '');
  return (/\p{Script=Arabic}/u.test(name) ? letters.slice(0, 1) : letters).join('').toLocaleUpperCase();
}
