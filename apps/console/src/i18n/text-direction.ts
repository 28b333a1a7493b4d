/** `dir` of a field: what is written decides, and while nothing is written the page does (`auto` alone would say left to right). */
export function fieldDirection(value: string): 'auto' | undefined {
  return value === '' ? undefined : 'auto';
}
