// What a contact sees who opens the link in a mail: one card at both sizes and in both colour schemes, no script, no
// cookie, no way on; decided by keyboard, and the result in place.

import assert from 'node:assert/strict';
import { checkAccessibility, checkWidth, launch, openPage, screenshot, sizes, troubles } from './lib.mjs';

const link = process.env['COUNTERSIGN_LINK'];

/** Checks and photographs the page at both sizes, light and dark. */
async function survey(page, name) {
  for (const [sizeName, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await screenshot(page, `${name}-${sizeName}${colorScheme === 'dark' ? '-dark' : ''}`);
      await checkAccessibility(page);
    }
    await checkWidth(page);
  }
}

/** The document has nothing that runs or leads on, and leaves nothing behind. */
async function isAlone(page) {
  assert.equal(await page.locator('a, script, iframe').count(), 0, 'a link, script or frame');
  assert.deepEqual(await page.context().cookies(), []);
}

const browser = await launch();
try {
  const page = await openPage(browser, link);
  await page.getByRole('heading', { name: /waits for you/ }).waitFor();
  await isAlone(page);
  assert.ok((await page.locator('.sql').innerText()).includes('U+202E'), 'hidden characters are shown');
  await survey(page, 'contact-card');

  const phone = await openPage(browser, link, sizes.phone);
  const approve = await phone.getByRole('button', { name: 'Approve' }).boundingBox();
  assert.ok(approve.height >= 44 && approve.y + approve.height <= sizes.phone.height, 'Approve is within reach');
  await screenshot(phone, 'contact-card-phone-first-sight', { fullPage: false });

  // By keyboard alone: Approve, Reject, Comment, in this order.
  await page.setViewportSize(sizes.desktop);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.value), 'approve');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.value), 'reject');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Not with hidden characters in it.');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /You rejected request/ }).waitFor();
  await page.getByText('Your rejection counts.').waitFor();
  assert.equal(page.url(), link, 'the result stands where the card stood');
  await isAlone(page);
  await survey(page, 'contact-done');

  await phone.getByRole('button', { name: 'Approve' }).tap();
  await phone.getByText('Your rejection counts.').waitFor();
  await screenshot(phone, 'contact-late-phone');
  const wrong = await openPage(browser, link.slice(0, -4), sizes.phone);
  await wrong.getByRole('heading', { name: 'This link opens nothing' }).waitFor();
  await screenshot(wrong, 'contact-wrong-phone');
  // The browser itself says on its console that the answers were a conflict and a page that is not there.
  assert.deepEqual(troubles.filter((t) => !/status of (404|409)/.test(t)), []);
} finally {
  await browser.close();
}
