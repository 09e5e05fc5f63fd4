/** In which order members are listed: by role, those waiting last, then by name. */
import type { Member, Role } from '@porcupine/sdk';

const rank: Record<Role, number> = { owner: 0, admin: 1, moderator: 2, member: 3, reader: 4, pending: 5 };

export function arrangeMembers(members: readonly Member[]): Member[] {
  return [...members].sort(
    (a, b) => rank[a.role] - rank[b.role] || a.user.displayName.localeCompare(b.user.displayName),
  );
}
