// What must be alive on the pages. Every decision works without this file; it adds live updates, keys, copying, and
// that nothing is sent twice.

import htmx from './htmx';
import { Idiomorph } from 'idiomorph/htmx';
import 'htmx-ext-sse';
import { keepTyping } from './morph';
import { listenToKeys } from './keys';
import { sendOnce } from './once';
import { followLive } from './live';
import { copyOnRequest } from './copy';
import { openBeside } from './beside';
import { keepSearches } from './saved';
import { findNames } from './names';
import { chooseStretch } from './calendar';
import { closeMenu, openNamed } from './folds';
import { markOutdated } from './outdated';

document.documentElement.classList.add('js');
tellZone();
keepTyping(Idiomorph.defaults);
sendOnce();
copyOnRequest();
followLive();
listenToKeys();
openBeside();
chooseStretch();
closeMenu();
markOutdated();
document.addEventListener('DOMContentLoaded', keepSearches);
document.addEventListener('htmx:afterSettle', keepSearches);
document.addEventListener('DOMContentLoaded', findNames);
document.addEventListener('DOMContentLoaded', openNamed);
window.addEventListener('hashchange', openNamed);
document.addEventListener('htmx:afterSettle', focusNotice);
document.addEventListener('DOMContentLoaded', focusNotice);
void htmx;

/** Tells the server the reader's zone, so that it can show times as they read them. */
function tellZone(): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split('; ').includes(`zone=${zone}`)) {
    document.cookie = `zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax; Secure`;
  }
}

/** Focus goes to what just happened, once. */
function focusNotice(): void {
  const notice = document.querySelector<HTMLElement>('[data-focus]:not([data-focused])');
  if (notice) {
    notice.dataset['focused'] = '';
    notice.focus({ preventScroll: false });
  }
}
