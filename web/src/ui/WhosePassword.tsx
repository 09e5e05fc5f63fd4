/** Whose password a form asks for, where people see it anyway: for password managers only. */
export function WhosePassword({ username }: { username: string }) {
  return <input className="visually-hidden" type="text" value={username} autoComplete="username" readOnly tabIndex={-1} aria-hidden="true" />;
}
