/** Porcupine's mark: a small animal, mostly quills. The same drawing is in public/favicon.svg. */
export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true" focusable="false">
      <path
        d="M7.4 12.4 5.7 7.4M10.9 10.9 10.8 5.6M14.7 10.6 16.3 5.6M18.3 11.5 21.4 7.3M21.5 13.5 25.8 10.4M23.9 16.4 28.9 14.9M25.2 19.9 30.5 20.0"
        stroke="var(--accent)"
        strokeWidth="2.1"
        strokeLinecap="round"
      />
      <path
        d="M1.4 23.8c-.5-.8-.2-1.6.5-2.2 1.7-1.4 3.1-2.6 4.2-4.2 1.7-2.5 4.4-4.1 7.7-4.1 5.3 0 9.3 4.1 9.3 9.2 0 1.4-1 2.3-2.3 2.3H3.9c-1.1 0-1.9-.3-2.5-1Z"
        fill="var(--accent)"
      />
      <circle cx="8.5" cy="19.4" r="1.2" fill="var(--bg)" />
    </svg>
  );
}
