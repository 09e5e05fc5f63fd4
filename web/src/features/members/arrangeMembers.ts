/** In which order members are listed: by role, those waiting last, then by name. */
import type { Member, Role } from '@porcupine/sdk';

const rank: Record<Role, number> = { owner: 0, admin: 1, member: 2, pending: 3 };

export function arrangeMembers(members: readonly Member[]): Member[] {
  return [...members].sort(
    (a, b) => rank[a.role] - rank[b.role] || a.user.displayName.localeCompare(b.user.displayName),
  );
}
