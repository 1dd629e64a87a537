// A live update must not take away what somebody is typing, has opened, or is about to copy.

import type { MorphDefaults } from './htmx';
import { isSavedRow } from './saved';

type Field = HTMLInputElement | HTMLTextAreaElement;

export function keepTyping(defaults: unknown): void {
  const settings = defaults as MorphDefaults;
  settings.ignoreActiveValue = true;
  settings.callbacks.beforeNodeMorphed = (before, after) => !isDirty(before) && !isSavedRow(before, after);
  settings.callbacks.beforeAttributeUpdated = (name, node) => !isOurs(name, node);
}

/** Attributes that the reader or these scripts set, and the server knows nothing of. */
function isOurs(name: string, node: Element): boolean {
  if (name === 'open') return node instanceof HTMLDetailsElement || node instanceof HTMLDialogElement;
  if (name === 'disabled') return node.closest('form[data-sent]') !== null;
  return name === 'data-focused' || name === 'data-sent' || name === 'aria-busy';
}

function isDirty(node: Node): boolean {
  if (node instanceof HTMLSelectElement) {
    return [...node.options].some((option) => option.selected !== option.defaultSelected);
  }
  return isField(node) && node.type !== 'hidden' && node.value !== node.defaultValue;
}

function isField(node: Node): node is Field {
  return node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement;
}
