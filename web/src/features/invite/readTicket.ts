/** Tells a room code from an invite link in what somebody typed or pasted. */
export type Ticket = { by: 'code'; code: string } | { by: 'link'; link: string };

export function readTicket(typed: string): Ticket | null {
  const text = typed.trim();
  if (/\/join\/?#.+/.test(text)) return { by: 'link', link: text };
  const code = text.replace(/[\s-]/g, '').toUpperCase();
  return /^[A-Z0-9]{6}$/.test(code) ? { by: 'code', code } : null;
}
