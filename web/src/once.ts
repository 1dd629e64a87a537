// A form is sent once, however often its button is pressed.

export function sendOnce(): void {
  document.addEventListener('submit', onSubmit, { capture: true });
  document.addEventListener('htmx:afterRequest', (event) => release((event as CustomEvent).detail.elt));
  window.addEventListener('pageshow', () => document.querySelectorAll('form').forEach(release));
}

function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (form.method === 'get' || form.method === 'dialog') return;
  if (form.dataset['sent'] !== undefined) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset['sent'] = '';
  form.setAttribute('aria-busy', 'true');
  // Not at once: a disabled button's own value would not be sent.
  setTimeout(() => {
    if (form.dataset['sent'] !== undefined) buttons(form).forEach((button) => (button.disabled = true));
  });
}

function release(node: unknown): void {
  const form = node instanceof Element ? node.closest('form') : null;
  if (!form || form.dataset['sent'] === undefined) return;
  delete form.dataset['sent'];
  form.removeAttribute('aria-busy');
  buttons(form).forEach((button) => (button.disabled = false));
}

function buttons(form: HTMLFormElement): HTMLButtonElement[] {
  return [...form.elements].filter((e): e is HTMLButtonElement => e instanceof HTMLButtonElement);
}
