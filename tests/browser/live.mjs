// Watching a shell while it is live, where that must be approved: asking, deciding, what it shows at once, and ending it.

import assert from 'node:assert/strict';
import { checkAccessibility, checkWidth, launch, screenshot, sizes, troubles } from './lib.mjs';
import { address, signIn } from './shop.mjs';

const path = process.env['COUNTERSIGN_REPLAY'];
const transcript = path.replace(/terminals.*/, 'transcript');
const browser = await launch();

async function look(page, name) {
  for (const [sizeName, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await screenshot(page, `${name}-${sizeName}${colorScheme === 'dark' ? '-dark' : ''}`);
      await checkAccessibility(page);
    }
    await checkWidth(page);
  }
  await page.setViewportSize(sizes.desktop);
}

try {
  // Nothing of it is to be seen before somebody approved that.
  const page = await signIn(browser, 'ada', path.replace(/terminals.*/, 'watch'));
  await page.getByRole('heading', { name: /^Watch session/ }).waitFor();
  await look(page, 'watch');
  await page.getByLabel('Reason').fill('INC-4713: what goes on in that shell?');
  await page.getByRole('button', { name: 'Send request' }).click();
  await page.waitForURL(/\/requests\/\d+/);

  const approver = await signIn(browser, 'bob', '/approvals');
  await approver.getByText('INC-4713').waitFor();
  await look(approver, 'watch-card');
  await approver.getByRole('button', { name: 'Approve' }).click();
  await approver.getByText(/Your approval of #\d+ counts/).waitFor();

  // The request's own page says by itself that it may be watched now.
  await page.getByRole('link', { name: /^Watch session/ }).click();
  await page.waitForURL(address + transcript);
  await page.getByRole('link', { name: 'Watch live command 1' }).click();
  await page.waitForURL(address + path);
  const term = page.locator('.ap-term');
  const last = (text) => Math.max(0, ...[...text.matchAll(/tick-(\d+)/g)].map((found) => Number(found[1])));
  await term.getByText('tick-').first().waitFor();
  const seen = last(await term.innerText());
  await term.getByText(`tick-${seen + 2}`).first().waitFor();
  await look(page, 'live');

  await page.getByRole('button', { name: /^Terminate/ }).click();
  await page.getByText(/The server is ending session \d+/).waitFor();
  await look(page, 'sessions-after');

  await page.goto(`${address}/session-videos`);
  await page.getByRole('heading', { name: 'My session video requests' }).waitFor();
  await look(page, 'session-videos');
  await page.goto(`${address}/parameters`);
  await page.getByRole('heading', { name: 'System parameters' }).waitFor();
  await look(page, 'parameters');
  assert.deepEqual(troubles, []);
} finally {
  await browser.close();
}
