// A form is sent once, however often its button is pressed; at once, and with what was pressed.

import htmx from './htmx';

/** The button that sent a form which is still on its way. */
const pressed = new WeakMap<Element, HTMLButtonElement>();

export function sendOnce(): void {
  document.addEventListener('submit', onSubmit, { capture: true });
  document.addEventListener('htmx:configRequest', (event) => addPressed((event as CustomEvent).detail));
  document.addEventListener('htmx:afterRequest', (event) => release((event as CustomEvent).detail.elt));
  window.addEventListener('pageshow', () => document.querySelectorAll('form').forEach(release));
}

function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  // What is saved leaves the page where it is, and may be saved again.
  if (form.method === 'get' || form.method === 'dialog' || form.dataset['saves'] !== undefined) return;
  if (form.dataset['sent'] !== undefined) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  // A look at what has changed gives way; another decision does not.
  const live = document.getElementById('live');
  if (live && !document.querySelector('form[data-sent]')) htmx.trigger(live, 'htmx:abort', {});
  form.dataset['sent'] = '';
  form.setAttribute('aria-busy', 'true');
  if (event.submitter instanceof HTMLButtonElement) pressed.set(form, event.submitter);
  // Not at once: a disabled button's own value would not be sent.
  setTimeout(() => {
    if (form.dataset['sent'] !== undefined) buttons(form).forEach((button) => (button.disabled = true));
  });
}

/** htmx adds the button that has the focus, which may be elsewhere by the time a form that waits for another is sent. */
function addPressed(request: { elt: Element; parameters: Record<string, string> }): void {
  const button = pressed.get(request.elt);
  if (button?.name) request.parameters[button.name] = button.value;
}

function release(node: unknown): void {
  const form = node instanceof Element ? node.closest('form') : null;
  if (!form || form.dataset['sent'] === undefined) return;
  delete form.dataset['sent'];
  pressed.delete(form);
  form.removeAttribute('aria-busy');
  buttons(form).forEach((button) => (button.disabled = false));
}

function buttons(form: HTMLFormElement): HTMLButtonElement[] {
  return [...form.elements].filter((e): e is HTMLButtonElement => e instanceof HTMLButtonElement);
}
