/** For a call whose failure shows by itself: the thing that it would have changed stays as it is. */
export function quietly(call: Promise<void> | undefined): void {
  call?.catch(() => undefined);
}
