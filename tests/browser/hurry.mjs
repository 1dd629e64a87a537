// What is tapped while the page looks for what has changed: each decision is sent at once, one behind the other, and what
// changes meanwhile is shown as well.

import assert from 'node:assert/strict';
import { launch, sizes, troubles } from './lib.mjs';
import { address, signIn } from './shop.mjs';

/** Shorter than the minute after which a page looks by itself. */
const BY_ITSELF_MS = 30_000;
const browser = await launch();

/** While `meanwhile` runs, a look of `page` is on its way: its answer is written before, and nothing reaches the page until after. */
async function held(page, meanwhile) {
  let letGo;
  const until = new Promise((resolve) => (letGo = resolve));
  await page.route(`${address}/**`, async (route) => {
    const look = route.request().method() === 'GET';
    const answer = look ? await route.fetch() : null;
    await until;
    await (answer ? route.fulfill({ response: answer }) : route.continue()).catch(() => {});
  });
  await page.locator('#live:not(.htmx-request)').waitFor();
  const looked = page.waitForRequest((sent) => new URL(sent.url()).pathname === '/approvals');
  await page.evaluate(() => window.htmx.trigger('#live', 'sse:change'));
  await looked;
  await meanwhile();
  letGo();
}

try {
  const mia = await signIn(browser, 'mia', '/approvals', sizes.phone);
  const card = (reason) => mia.locator('article.card', { hasText: reason });
  await card('first').waitFor();
  await held(mia, async () => {
    for (const reason of ['first', 'second']) {
      await card(reason).getByRole('button', { name: 'Approve' }).tap();
    }
  });
  for (const reason of ['first', 'second']) await card(reason).waitFor({ state: 'detached', timeout: BY_ITSELF_MS });
  await card('third').waitFor();

  await mia.unrouteAll({ behavior: 'wait' });
  const link = await card('third').getByRole('link').first().getAttribute('href');
  const dave = await signIn(browser, 'dave', link);
  await held(mia, async () => {
    await mia.evaluate(() => document.addEventListener('sse:change', () => (globalThis.told = true)));
    await dave.getByText('Withdraw this request').click();
    await dave.getByRole('button', { name: 'Withdraw' }).click();
    await dave.locator('.card .status', { hasText: 'Withdrawn' }).waitFor();
    await mia.waitForFunction(() => globalThis.told);
    // Nothing that comes later makes up for it.
    await mia.evaluate(() => {
      const later = (event) => event.detail.data !== undefined && event.stopImmediatePropagation();
      window.addEventListener('sse:change', later, { capture: true });
    });
  });
  await card('third').waitFor({ state: 'detached', timeout: BY_ITSELF_MS });
  assert.deepEqual(troubles, []);
} finally {
  await browser.close();
}
