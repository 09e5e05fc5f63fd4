/** Porcupine's mark: a small animal, mostly quills. The same drawing is in public/favicon.svg. */
export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true" focusable="false">
      <g stroke="var(--accent)" strokeWidth="2" strokeLinecap="round">
        <path d="M10.6 12.8 8.3 7.4M14 11 13.3 4.8M17.8 10.8 19 4.6M21.3 12.2 24.3 6.8M24 14.8 28.3 10.8M25.5 18.2 30 16.3" />
      </g>
      <path
        d="M2.6 22.3c2-2.1 3.8-3.4 5-5.2 1.7-2.4 4.7-3.9 8-3.9 5.4 0 9.6 4.1 9.6 9.2 0 1.5-1 2.6-2.5 2.6H5c-1.7 0-3.3-.5-3.3-1.4 0-.5.4-.8.9-1.3Z"
        fill="var(--accent)"
      />
      <circle cx="9.8" cy="19.3" r="1.25" fill="var(--bg)" />
    </svg>
  );
}
