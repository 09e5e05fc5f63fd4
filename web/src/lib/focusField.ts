/** Brings the keyboard to a field of a form by its name, with what is in it selected, so that typing replaces it. */
export function focusField(form: HTMLFormElement | null, name: string): void {
  const field = form?.querySelector<HTMLInputElement>(`input[name="${name}"]`);
  field?.focus();
  if (field?.type !== 'checkbox') field?.select();
}
