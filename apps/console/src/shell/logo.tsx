/** The arch and the three who sit under it. */
export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <path d="M6 23v-5.2a10 10 0 0 1 20 0V23" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
      <circle cx="11" cy="23" r="2.1" fill="currentColor" />
      <circle cx="16" cy="23" r="2.1" fill="currentColor" />
      <circle cx="21" cy="23" r="2.1" fill="currentColor" />
    </svg>
  );
}
