// The stream of changes: says when it is interrupted or a tap was not sent, and leaves when the session has ended.

import htmx from './htmx';

/** Something has changed since the last look was sent. */
let changed = false;

export function followLive(): void {
  document.addEventListener('htmx:sseOpen', (event) => {
    upToDate();
    const source = (event as CustomEvent).detail.source as EventSource;
    source.addEventListener('ended', () => {
      source.close();
      window.location.reload();
    });
  });
  lookAgain();
  document.addEventListener('htmx:sseError', outOfDate);
  window.addEventListener('offline', outOfDate);
  window.addEventListener('online', () => htmx.trigger('#live', 'sse:change', {}));
  document.addEventListener('htmx:sendError', onSendError);
  document.addEventListener('htmx:timeout', onSendError);
  document.addEventListener('htmx:beforeRequest', () => hide('unsent'));
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if (isLive((event as CustomEvent).detail.elt)) upToDate();
  });
}

/**
 * A change that is told while an answer is under way starts no look of its own, and that answer may have been written before it:
 * so there is one more look behind it.
 */
function lookAgain(): void {
  document.addEventListener('sse:change', (event) => (changed ||= isLive(event.target)), { capture: true });
  document.addEventListener('htmx:beforeSend', (event) => (changed &&= !isLive((event as CustomEvent).detail.elt)));
  document.addEventListener('htmx:sendAbort', (event) => (changed ||= isLive((event as CustomEvent).detail.elt)));
  document.addEventListener('htmx:afterRequest', (event) => {
    // Not at once: htmx counts this request as under way until its event is over.
    if (isLive((event as CustomEvent).detail.target)) setTimeout(() => changed && htmx.trigger('#live', 'sse:change', {}));
  });
}

function isLive(node: unknown): boolean {
  return node instanceof Element && node.id === 'live';
}

/** What asks for itself was only not fetched; what somebody sent was not sent, and they must know. */
function onSendError(event: Event): void {
  const config = (event as CustomEvent).detail.requestConfig as { verb?: string } | undefined;
  if (config?.verb === 'get') outOfDate();
  else show('unsent');
}

function outOfDate(): void {
  show('offline');
}

function upToDate(): void {
  hide('offline');
}

function show(id: string): void {
  document.getElementById(id)?.removeAttribute('hidden');
}

function hide(id: string): void {
  document.getElementById(id)?.setAttribute('hidden', '');
}
