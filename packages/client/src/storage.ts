/** Where the SDK keeps what has to outlive a reload; `localStorage`, `sessionStorage` and React Native's AsyncStorage fit as they are. */
export interface Storage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
}

/** Keeps nothing longer than the process. */
export function memoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
  };
}
