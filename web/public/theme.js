/*
 * Sets the remembered theme before the first paint, so that a light page does not flash dark.
 * It runs before the bundle and owns nothing: src/lib/theme.ts is where the choice is made and kept.
 */
try {
  if (localStorage.getItem('porcupine.theme') === 'light') document.documentElement.dataset.theme = 'light';
} catch {
  /* storage is forbidden: the default theme stays */
}
