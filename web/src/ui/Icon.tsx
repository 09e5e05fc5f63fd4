/**
 * The page's icons: strokes on a 24-unit grid, drawn for this page. They are always decoration;
 * the control around one carries the words.
 */
const paths = {
  plus: 'M12 5.5v13M5.5 12h13',
  back: 'M14.5 5.5 8 12l6.5 6.5',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  down: 'M12 5.5v13M6.5 13l5.5 5.5 5.5-5.5',
  send: 'M12 19V5.5M6.5 11 12 5.5 17.5 11',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12ZM15.5 15.5 19.5 19.5',
  people: 'M9.5 5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4ZM3.8 19c0-3 2.5-4.9 5.7-4.9s5.7 1.9 5.7 4.9M15.8 5.4a3.2 3.2 0 0 1 0 5.7M17.3 14.5c1.9.7 3 2.2 3 4.5',
  invite: 'M10 5a3.3 3.3 0 1 0 0 6.6A3.3 3.3 0 0 0 10 5ZM4 19.2c0-3.1 2.6-5.1 6-5.1 1.5 0 2.9.4 3.9 1.1M18 14v6M15 17h6',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  leave: 'M10 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H10M14.5 8l4 4-4 4M18.5 12H9.5',
  lock: 'M7.5 10.5h9A1.5 1.5 0 0 1 18 12v5.5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 17.5V12a1.5 1.5 0 0 1 1.5-1.5ZM8.5 10.5V8.5a3.5 3.5 0 0 1 7 0v2',
  unlocked: 'M7.5 10.5h9A1.5 1.5 0 0 1 18 12v5.5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 17.5V12a1.5 1.5 0 0 1 1.5-1.5ZM8.5 10.5V7.5a3.5 3.5 0 0 1 6.7-1.4',
  key: 'M8.5 11.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM11.5 12.5 19 5M15.5 8.5l3 3',
  shield: 'M12 4.5 5.5 7v5c0 3.8 2.6 6.4 6.5 7.8 3.9-1.4 6.5-4 6.5-7.8V7L12 4.5ZM9 12l2.2 2.2L15.2 10',
  alert: 'M12 4.8 3.8 19h16.4L12 4.8ZM12 10.5v3.8M12 16.7v.1',
  clock: 'M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15ZM12 8v4.2l2.8 1.8',
  check: 'M5.5 12.5l4.3 4.3L18.5 7.7',
  copy: 'M9.5 8.5h8a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1ZM5.5 15.5v-9a2 2 0 0 1 2-2h8',
  sun: 'M12 8.3a3.7 3.7 0 1 0 0 7.4 3.7 3.7 0 0 0 0-7.4ZM12 3.5v1.7M12 18.8v1.7M3.5 12h1.7M18.8 12h1.7M6 6l1.2 1.2M16.8 16.8 18 18M18 6l-1.2 1.2M7.2 16.8 6 18',
  moon: 'M19 14.3A7.5 7.5 0 0 1 9.7 5a7.5 7.5 0 1 0 9.3 9.3Z',
  offline: 'M4 4.5l16 15M8.3 13.3a6 6 0 0 1 3-1.5M5.3 10.2a10 10 0 0 1 3.5-2.2M12.5 7.2a10 10 0 0 1 6.2 3M12 17.5v.1M15.2 13',
  unfold: 'M8 9.5 12 5.5 16 9.5M8 14.5 12 18.5 16 14.5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={size < 18 ? 2 : 1.75}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}
